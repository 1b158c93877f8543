import Counts

extension ReportPage {
    /// One row per policy: what it costs guests and hosts in all.
    var summary: String {
        guard !tables.isEmpty else { return "" }
        let rows = tables.map { table -> String in
            let silent = table.series.reduce(UInt64(0)) { $0 &+ $1.silentNs }
            let blind = table.series.reduce(UInt64(0)) { $0 &+ $1.blindNs }
            let marks = Mark.allCases.map { mark in table.series.count { $0.reading.mark == mark } }
            let writes = table.operations.reduce(UInt64(0)) { $0 &+ $1.registerWrites }
            return """
                <tr><th scope="row">\(Markup.xml(table.policy))</th>\(time(silent, "silent"))\(time(blind, "blind"))\
                \(marks.map { "<td>\($0)</td>" }.joined())<td>\(table.displaced.count)</td>\
                <td>\(Figures.grouped(writes))</td><td>\(table.openLoop.count)</td></tr>
                """
        }
        return """
            <section aria-labelledby="policies"><h2 id="policies">Policies</h2>
            <div class="scroll" tabindex="0"><table>
            <caption>Time is summed over all series. The first policy is what the others are measured against.</caption>
            <thead><tr><th scope="col">policy</th><th scope="col">silent</th><th scope="col">blind</th><th scope="col">exact</th>\
            <th scope="col">bounded</th><th scope="col">unknown</th><th scope="col">displaced host events</th>\
            <th scope="col">register writes</th><th scope="col">open loop</th></tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody></table></div></section>
            """
    }

    /// What the trace tells beside the counters, nothing where it tells nothing.
    var beside: String {
        if testimony.isEmpty { return "" }
        let items = testimony.map { "<li>\(Markup.xml($0))</li>" }.joined(separator: "\n")
        return """
            <section aria-labelledby="beside"><h2 id="beside">Beside the counters</h2>
            <ul>
            \(items)
            </ul></section>
            """
    }

    /// One row per guest counter and host event, the greatest differences first.
    var comparison: String {
        let rows = Comparison(tables).rows.map { row in (row: row, difference: Self.difference(row.series)) }
        let ordered = rows.enumerated().sorted { a, b in
            (a.element.difference, b.offset) > (b.element.difference, a.offset)
        }.map(\.element)
        let heads = tables.map {
            "<th scope=\"col\"><button type=\"button\" class=\"sort\">\(Markup.xml($0.policy))</button></th>"
        }
        let body = ordered.map { entry -> String in
            let cells = entry.row.series.map(cell).joined()
            let name = [entry.row.key.pcpu.map { "cpu \($0)" }, entry.row.key.counter, entry.row.key.event]
                .compactMap { $0 }.joined(separator: " ")
            return """
                <tr\(entry.difference == .none ? " class=\"same\"" : "")><th scope="row">\(Markup.xml(entry.row.key.owner))</th>\
                <td class="name">\(Markup.xml(name))</td>\(cells)</tr>
                """
        }
        let differing = ordered.count { $0.difference != .none }
        return """
            <section aria-labelledby="differences"><h2 id="differences">Differences</h2>
            <p>\(differing) of \(ordered.count) series differ between the policies. A count in <b>bold</b> is exact; \
            <i>lower … upper</i> is bounded; ? is unknown. Below each count: time silent (s) and blind (b).</p>
            <div class="controls"><label>Show <input type="search" id="filter" placeholder="owner, counter or event"></label>
            <label><input type="checkbox" id="only"> only differences</label><span id="shown" role="status"></span></div>
            <div class="scroll" tabindex="0"><table id="comparison">
            <thead><tr><th scope="col"><button type="button" class="sort">owner</button></th>\
            <th scope="col"><button type="button" class="sort">counter</button></th>\(heads.joined())</tr></thead>
            <tbody>
            \(body.joined(separator: "\n"))
            </tbody></table></div></section>
            """
    }

    /// How far the policies lie apart about one series; the greater ones come first.
    enum Difference: Comparable {
        case none
        /// Only marks, bounds or times differ.
        case times(UInt64)
        case counts(Double)
    }

    static func difference(_ series: [Series?]) -> Difference {
        guard let first = series.first else { return .none }
        if series.allSatisfy({ $0?.reading == first?.reading && $0.times == first.times }) { return .none }
        let counts = series.map { $0?.reading.count ?? $0?.reading.lo }
        let known = counts.compactMap { $0 }
        if known.count < counts.count { return .counts(1) }
        if let least = known.min(), let greatest = known.max(), greatest > least {
            return .counts(Double(greatest - least) / Double(greatest))
        }
        let lost = series.map { ($0?.silentNs ?? 0) &+ ($0?.blindNs ?? 0) }
        return .times((lost.max() ?? 0) - (lost.min() ?? 0))
    }

    private func cell(_ series: Series?) -> String {
        guard let series else { return "<td class=\"absent\">–</td>" }
        let reading = series.reading
        let shown = Markup.xml(Figures.reading(reading))
        let count =
            switch reading.mark {
            case .exact: "<b>\(shown)</b>"
            case .bounded: "<i>\(shown)</i>"
            case .unknown: "?"
            }
        var lost = ""
        if series.silentNs > 0 {
            lost += " <span class=\"silent\">s \(Figures.share(series.silentNs, of: series.enabledNs))</span>"
        }
        if series.blindNs > 0 {
            lost += " <span class=\"blind\">b \(Figures.share(series.blindNs, of: series.enabledNs))</span>"
        }
        let reason = series.reason.isEmpty ? "" : " title=\"\(Markup.xml(series.reason))\""
        let value = reading.count ?? reading.lo
        return """
            <td class="\(reading.mark.name)"\(reason) data-value="\(value.map(String.init) ?? "")" \
            data-lo="\(reading.lo.map(String.init) ?? "")" data-hi="\(reading.hi.map(String.init) ?? "")" \
            data-silent="\(series.silentNs)" data-blind="\(series.blindNs)">\(count)<br><small>\(lost)</small></td>
            """
    }

    private func time(_ ns: UInt64, _ state: String) -> String {
        ns == 0 ? "<td>0</td>" : "<td><span class=\"\(state)\">\(Figures.duration(ns))</span></td>"
    }

    /// Places for the strips; the script draws into them when they come into view.
    var timeLines: String {
        guard !strips.isEmpty else { return "" }
        let legend = [
            ("running", "running"), ("waiting", "waiting (multiplexed)"), ("silent", "silent"), ("blind", "blind"),
        ].map { "<li><span class=\"swatch \($0)\"></span>\($1)</li>" }.joined()
        return """
            <section aria-labelledby="time"><h2 id="time">Time lines</h2>
            <div class="controls"><label>Policy <select id="policy"></select></label>
            <label>Show <input type="search" id="lanes" placeholder="owner or CPU"></label></div>
            <ul class="legend" aria-label="Legend">\(legend)</ul>
            <p>In a time line, left and right move the cursor, Home and End jump; what is under it is told below.</p>
            <p id="cursor" role="status" aria-live="polite">&nbsp;</p>
            <h3 id="owners">Owners</h3><div id="owner-lanes"></div>
            <h3 id="counters">Physical counters</h3><div id="counter-lanes"></div>
            <noscript><p>Time lines need JavaScript; the tables do not.</p></noscript></section>
            """
    }

    /// What a reader must know before believing the figures.
    var findings: String {
        func list(_ title: String, _ items: [(String, String)]) -> String {
            guard !items.isEmpty else { return "" }
            let shown = items.prefix(200).map { "<tr><td>\(Markup.xml($0.0))</td><td>\(Markup.xml($0.1))</td></tr>" }
            let more = items.count > 200 ? "<p>and \(items.count - 200) more, all in the page's data.</p>" : ""
            return """
                <details><summary>\(title): \(items.count)</summary><div class="scroll" tabindex="0"><table>
                <thead><tr><th scope="col">policy</th><th scope="col">what</th></tr></thead><tbody>
                \(shown.joined(separator: "\n"))
                </tbody></table></div>\(more)</details>
                """
        }
        let taints = tables.flatMap { table in table.taints.map { (table.policy, $0.words) } }
        let open = tables.flatMap { table in
            table.openLoop.map { (table.policy, "at \($0.time) ns\($0.owner.map { ", \($0)" } ?? ""): \($0.cause)") }
        }
        let displaced = tables.flatMap { table in
            table.displaced.map {
                (
                    table.policy,
                    "\($0.owner)\($0.pcpu.map { " cpu \($0)" } ?? "") \($0.event): without a counter for "
                        + "\(Figures.duration($0.lostNs)) since \($0.since) ns, \($0.reason)"
                )
            }
        }
        let notices = tables.flatMap { table in
            table.notices.map { (table.policy, "at \($0.time) ns, \($0.owner): \($0.what)") }
        }
        let all =
            list("Where the trace is incomplete", taints) + list("Displaced host events", displaced)
            + list("What guests were told", notices) + list("Open loop: what would have gone on differently", open)
        return all.isEmpty
            ? "" : "<section aria-labelledby=\"notes\"><h2 id=\"notes\">What to know about it</h2>\(all)</section>"
    }
}

extension Series? {
    fileprivate var times: [UInt64] {
        self.map { [$0.enabledNs, $0.runningNs, $0.silentNs, $0.blindNs] } ?? []
    }
}
