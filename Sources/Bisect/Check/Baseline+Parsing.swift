import Counts
import Foundation

extension Baseline {
    /// Reads a baseline file.
    ///
    /// - Throws: `BaselineError` with the line.
    public init(contentsOf path: String) throws(BaselineError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw BaselineError(
                path: path, line: nil,
                problem: "no such baseline, or it cannot be read; make one with `vpmu check --update`")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw BaselineError(
                path: path, line: nil, problem: "not text; a baseline is made with `vpmu check --update`")
        }
        try self.init(parsing: text, path: path)
    }

    /// - Parameter path: for error messages.
    public init(parsing text: String, path: String = "baseline") throws(BaselineError) {
        var reader = BaselineReader(path: path)
        var number = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            number += 1
            try reader.take(String(line), number)
        }
        guard reader.sawHeader else {
            throw BaselineError(path: path, line: 1, problem: "empty; a baseline begins with `vpmu baseline 1`")
        }
        let traces = try reader.finish()
        self.init(tolerances: reader.tolerances, traces: traces)
    }
}

/// The baseline's grammar, line by line.
private struct BaselineReader {
    let path: String
    var sawHeader = false
    var tolerances: [ToleranceRule] = []
    private var traces: [Baseline.Entry] = []
    private var names: Set<String> = []
    private var open: Open?
    private var line = 0

    private struct Open {
        var name: String
        var line: Int
        var head: (content: String, policy: String, start: UInt64, end: UInt64)?
        var rows: [Series] = []
        var times: [[UInt64]] = []
        var counts: [[UInt64]] = []
        var silent: [[UInt64]] = []
    }

    init(path: String) { self.path = path }

    mutating func take(_ text: String, _ number: Int) throws(BaselineError) {
        line = number
        var words = try BaselineWords(text, fail: bad)
        guard let first = words.peek, !first.text.hasPrefix("#") || first.isQuoted else { return }
        if !sawHeader { return try header(&words) }
        switch (first.text, first.isQuoted) {
        case ("tolerance", false) where open == nil:
            do throws(ToleranceRule.Malformed) {
                tolerances.append(
                    try ToleranceRule(parsing: String(text.drop { $0 == " " }.dropFirst("tolerance".count))))
            } catch {
                throw bad(error.description)
            }
            return
        case ("trace", false) where !text.hasPrefix(" "):
            try close()
            words.skip()
            let name = try words.word("a trace's name", bad)
            guard names.insert(name).inserted else { throw bad("trace \(name) stands here twice") }
            open = Open(name: name, line: line)
        case ("from", false) where open?.head == nil: try head(&words)
        case ("!", false): try reason(&words)
        case ("@", false): try checkpoint(&words)
        default: try row(&words)
        }
        try words.end(bad)
    }

    mutating func finish() throws(BaselineError) -> [Baseline.Entry] {
        try close()
        return traces
    }

    private func bad(_ problem: String) -> BaselineError { BaselineError(path: path, line: line, problem: problem) }

    private mutating func header(_ words: inout BaselineWords) throws(BaselineError) {
        guard words.skip("vpmu"), words.skip("baseline") else {
            throw bad("not a baseline: it does not begin with `vpmu baseline \(Baseline.version)`")
        }
        let version = try words.number("a version", bad)
        guard version == UInt64(Baseline.version) else {
            throw bad("baseline version \(version); this vpmu reads \(Baseline.version)")
        }
        sawHeader = true
        try words.end(bad)
    }

    private mutating func head(_ words: inout BaselineWords) throws(BaselineError) {
        guard open != nil else { throw bad("`from` outside of a trace") }
        words.skip()
        let content = try words.word("the trace's xxHash", bad)
        guard words.skip("policy") else { throw bad("`policy` is missing") }
        let policy = try words.word("a policy's name", bad)
        guard words.skip("span") else { throw bad("`span` is missing") }
        let ends = try words.word("START..END", bad).components(separatedBy: "..")
        guard ends.count == 2, let start = UInt64(ends[0]), let end = UInt64(ends[1]), start <= end else {
            throw bad("span is not START..END")
        }
        open?.head = (content, policy, start, end)
    }

    private mutating func row(_ words: inout BaselineWords) throws(BaselineError) {
        guard open?.head != nil else { throw bad("a series before `trace` and `from`, or a word that is unknown here") }
        var key = SeriesKey(owner: try words.word("an owner", bad), event: "")
        if words.skip("cpu") {
            guard let pcpu = Int32(exactly: try words.number("a CPU", bad)) else { throw bad("no such CPU number") }
            key.pcpu = Int(pcpu)
        }
        if words.skip("on") { key.counter = try words.word("a counter", bad) }
        key.event = try words.word("an event", bad)
        guard words.skip("=") else { throw bad("`=` is missing") }
        var series = Series(key: key, reading: try reading(&words))
        while words.skip(",") {
            let what = try words.word("a time", bad)
            if what == "schedule" {
                let digest = try words.word("a digest", bad)
                guard let number = UInt64(digest, radix: 16) else { throw bad("`\(digest)` is no hexadecimal number") }
                series.schedule = number
                continue
            }
            let ns = try words.number("ns", bad)
            switch what {
            case "enabled": series.enabledNs = ns
            case "running": series.runningNs = ns
            case "silent": series.silentNs = ns
            case "blind": series.blindNs = ns
            default: throw bad("`\(what)` is none of enabled, running, silent, blind")
            }
        }
        open?.rows.append(series)
        open?.times.append([])
        open?.counts.append([])
        open?.silent.append([])
    }

    private func reading(_ words: inout BaselineWords) throws(BaselineError) -> Reading {
        let text = try words.word("a count", bad)
        if text == "unknown" { return .unknown }
        if let count = UInt64(text) { return .exact(count) }
        let ends = text.components(separatedBy: "..")
        func end(_ text: String) throws(BaselineError) -> UInt64? {
            if text == "?" { return nil }
            guard let number = UInt64(text) else { throw bad("`\(text)` is neither a number nor `?`") }
            return number
        }
        guard ends.count == 2 else { throw bad("`\(text)` is no count; write 12, 5..9, 5..? or unknown") }
        let (lo, hi) = (try end(ends[0]), try end(ends[1]))
        let guess = words.skip("~") ? try words.number("the best guess", bad) : nil
        guard let reading = Reading(checking: .bounded, count: guess, lo: lo, hi: hi) else {
            throw bad("\(text)\(guess.map { " ~ \($0)" } ?? ""): the bounds contradict each other or the guess")
        }
        return reading
    }

    private mutating func reason(_ words: inout BaselineWords) throws(BaselineError) {
        words.skip()
        guard let last = open?.rows.indices.last else { throw bad("a reason before any series") }
        let reason = try words.word("a reason", bad)
        open?.rows[last].reason = reason
    }

    private mutating func checkpoint(_ words: inout BaselineWords) throws(BaselineError) {
        words.skip()
        guard let last = open?.rows.indices.last else { throw bad("a checkpoint before any series") }
        let time = try words.number("a time", bad)
        if let before = open?.times[last].last, before >= time { throw bad("checkpoint times do not rise") }
        let count = try words.number("a count", bad)
        let silent = words.skip("silent") ? try words.number("ns", bad) : 0
        open?.times[last].append(time)
        open?.counts[last].append(count)
        open?.silent[last].append(silent)
    }

    private mutating func close() throws(BaselineError) {
        guard let done = open else { return }
        open = nil
        guard let head = done.head else {
            throw BaselineError(path: path, line: done.line, problem: "trace \(done.name) has no `from` line")
        }
        let times = done.times.first ?? []
        guard done.times.allSatisfy({ $0 == times }) else {
            throw BaselineError(
                path: path, line: done.line, problem: "the series of trace \(done.name) have different checkpoints")
        }
        let checkpoints =
            times.isEmpty
            ? nil : Checkpoints(times: times, counts: done.counts.flatMap { $0 }, silentNs: done.silent.flatMap { $0 })
        traces.append(
            Baseline.Entry(
                name: done.name, content: head.content,
                table: CountsTable(
                    policy: head.policy, start: head.start, end: head.end, series: done.rows, checkpoints: checkpoints))
        )
    }
}
