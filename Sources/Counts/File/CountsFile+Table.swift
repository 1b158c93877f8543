import Foundation

/// What a table's file holds beside the columns: everything of which there is little.
private struct TableHead: Codable {
    var policy: String
    var trace: String?
    var start: UInt64
    var end: UInt64
    var strings: [String]
    var operations: [OperationCounts]
    var openLoop: [OpenLoopItem]
    var displaced: [DisplacedEvent]
    var taints: [Taint]
    var notices: [Notice]
}

extension CountsTable {
    /// Writes the counts file. Same table, same bytes.
    public func write(to path: String, existing: CountsFile.Existing = .keep) throws(CountsFileError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let head = TableHead(
            policy: policy, trace: trace, start: start, end: end, strings: series.strings, operations: operations,
            openLoop: openLoop, displaced: displaced, taints: taints, notices: notices)
        var json: [UInt8] = []
        do {
            json = Array(try encoder.encode(head))
        } catch {
            throw CountsFileError(path: path, problem: .system("encode the head", "\(error)"))
        }
        try withUnsafeColumns(head: json) { columns throws(CountsFileError) in
            try CountsFile.write(columns, kind: .table, to: path, existing: existing)
        }
    }

    private func withUnsafeColumns(
        head: [UInt8], _ body: ([CountsFile.Column]) throws(CountsFileError) -> Void
    ) throws(CountsFileError) {
        // Little-endian machines only, as everything Swift runs on is; the arrays' bytes are the file's.
        precondition(1.littleEndian == 1)
        var owned: [(String, Int, [UInt8])] = [("head", 1, head)]
        func add<T>(_ name: String, _ values: [T]) {
            owned.append((name, MemoryLayout<T>.stride, values.withUnsafeBytes(Array.init)))
        }
        add("owner", series.owner)
        add("pcpu", series.pcpu)
        add("counter", series.counter)
        add("event", series.event)
        add("reason", series.reason)
        add("mark", series.mark.map(\.rawValue))
        add("known", series.known.map(\.rawValue))
        add("count", series.counts)
        add("lo", series.lo)
        add("hi", series.hi)
        add("enabledNs", series.enabledNs)
        add("runningNs", series.runningNs)
        add("silentNs", series.silentNs)
        add("blindNs", series.blindNs)
        add("crossMappedNs", series.crossMappedNs)
        add("schedule", series.schedule)
        if let checkpoints {
            add("times", checkpoints.times)
            add("countAtTime", checkpoints.counts)
            add("silentNsAtTime", checkpoints.silentNs)
        }
        let storage = UnsafeMutableRawBufferPointer.allocate(
            byteCount: owned.reduce(0) { $0 + $1.2.count }, alignment: 8)
        defer { storage.deallocate() }
        var columns: [CountsFile.Column] = []
        var at = 0
        for (name, width, bytes) in owned {
            let target = UnsafeMutableRawBufferPointer(rebasing: storage[at..<at + bytes.count])
            target.copyBytes(from: bytes)
            columns.append(CountsFile.Column(name: name, width: width, bytes: UnsafeRawBufferPointer(target)))
            at += bytes.count
        }
        try body(columns)
    }

    /// Reads a counts file or the JSON of `vpmu replay --json` with one policy, whichever `path` is.
    public init(contentsOf path: String) throws(CountsFileError) {
        let file = try MappedFile(path)
        if file.bytes.first(where: { !" \n\r\t".utf8.contains($0) }) == UInt8(ascii: "{") {
            do {
                self = try JSONDecoder().decode(CountsTable.self, from: Data(file.bytes))
            } catch let error as DecodingError {
                throw CountsFileError(path: path, problem: .json(error.oneLine))
            } catch {
                throw CountsFileError(path: path, problem: .json("\(error)"))
            }
        } else {
            self = try CountsFile(path).table()
        }
    }
}

extension CountsFile {
    /// The table, every column checked.
    public func table() throws(CountsFileError) -> CountsTable {
        guard kind == .table else { throw CountsFileError(path: path, problem: .noTable) }
        let headEntry = try entry("head", width: 1)
        let head: TableHead
        do {
            head = try JSONDecoder().decode(TableHead.self, from: Data(try content(headEntry)))
        } catch let error as CountsFileError {
            throw error
        } catch {
            throw damaged(headEntry, "the head is not the JSON of a table")
        }
        let owner: [UInt32] = try column("owner")
        let rows = owner.count
        func same<T: FixedWidthInteger>(_ name: String) throws(CountsFileError) -> [T] {
            let values: [T] = try column(name)
            guard values.count == rows else {
                throw damaged(try entry(name, width: MemoryLayout<T>.size), "\(values.count) elements for \(rows) rows")
            }
            return values
        }
        let pcpu: [Int32] = try same("pcpu")
        let (counter, event, reason): ([UInt32], [UInt32], [UInt32]) = (
            try same("counter"), try same("event"), try same("reason")
        )
        let (mark, known): ([UInt8], [UInt8]) = (try same("mark"), try same("known"))
        let (count, lo, hi): ([UInt64], [UInt64], [UInt64]) = (try same("count"), try same("lo"), try same("hi"))
        let (enabled, running): ([UInt64], [UInt64]) = (try same("enabledNs"), try same("runningNs"))
        let (silent, blind): ([UInt64], [UInt64]) = (try same("silentNs"), try same("blindNs"))
        let hasCrossMapped = directory.entries.contains { $0.name == "crossMappedNs" }
        let crossMapped: [UInt64] = hasCrossMapped ? try same("crossMappedNs") : []
        // A file without the column says of no row when it ran.
        let hasSchedule = directory.entries.contains { $0.name == "schedule" }
        let schedule: [UInt64] = hasSchedule ? try same("schedule") : []
        var series: [Series] = []
        series.reserveCapacity(rows)
        for row in 0..<rows {
            func text(_ index: UInt32) throws(CountsFileError) -> String {
                guard Int(index) < head.strings.count else {
                    throw damaged(headEntry, "row \(row) names string \(index)")
                }
                return head.strings[Int(index)]
            }
            let bits = SeriesColumns.Known(rawValue: known[row])
            guard let marked = Mark(rawValue: mark[row]),
                let reading = Reading(
                    checking: marked, count: bits.contains(.count) ? count[row] : nil,
                    lo: bits.contains(.lo) ? lo[row] : nil, hi: bits.contains(.hi) ? hi[row] : nil)
            else { throw damaged(try entry("mark", width: 1), "row \(row) contradicts itself") }
            let key = SeriesKey(
                owner: try text(owner[row]), pcpu: pcpu[row] < 0 ? nil : Int(pcpu[row]),
                counter: counter[row] == SeriesColumns.noString ? nil : try text(counter[row]),
                event: try text(event[row]))
            series.append(
                Series(
                    key: key, reading: reading, reason: try text(reason[row]), enabledNs: enabled[row],
                    runningNs: running[row], silentNs: silent[row], blindNs: blind[row],
                    crossMappedNs: hasCrossMapped ? crossMapped[row] : 0,
                    schedule: hasSchedule && bits.contains(.schedule) ? schedule[row] : nil))
        }
        return CountsTable(
            policy: head.policy, trace: head.trace, start: head.start, end: head.end, series: series,
            checkpoints: try checkpoints(rows: rows), operations: head.operations, openLoop: head.openLoop,
            displaced: head.displaced, taints: head.taints, notices: head.notices)
    }

    private func checkpoints(rows: Int) throws(CountsFileError) -> Checkpoints? {
        guard directory.entries.contains(where: { $0.name == "times" }) else { return nil }
        let times: [UInt64] = try column("times")
        let counts: [UInt64] = try column("countAtTime")
        let silentNs: [UInt64] = try column("silentNsAtTime")
        let (wanted, overflow) = times.count.multipliedReportingOverflow(by: rows)
        guard !overflow, counts.count == wanted, silentNs.count == wanted else {
            throw damaged(try entry("countAtTime", width: 8), "\(counts.count) counts for \(times.count) times")
        }
        return Checkpoints(times: times, counts: counts, silentNs: silentNs)
    }

    private func entry(_ name: String, width: Int) throws(CountsFileError) -> ColumnDirectory.Entry {
        guard let entry = directory.entries.first(where: { $0.name == name && $0.width == width }) else {
            throw CountsFileError(path: path, problem: .damaged(offset: 64, "column \"\(name)\" is missing"))
        }
        return entry
    }

    private func column<T: FixedWidthInteger>(_ name: String) throws(CountsFileError) -> [T] {
        let bytes = try content(try entry(name, width: MemoryLayout<T>.size))
        return [T](unsafeUninitializedCapacity: bytes.count / MemoryLayout<T>.size) { buffer, count in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
            count = bytes.count / MemoryLayout<T>.size
        }
    }
}

extension DecodingError {
    /// The place and the reason in one line.
    var oneLine: String {
        func words(_ context: Context) -> String {
            let place = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
            return place.isEmpty ? context.debugDescription : "\(place): \(context.debugDescription)"
        }
        return switch self {
        case .keyNotFound(let key, let context): words(context) + " (\(key.stringValue))"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context): words(context)
        @unknown default: "\(self)"
        }
    }
}
