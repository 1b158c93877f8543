import Counts

/// How far what a selection of series counted may lie from the baseline.
///
/// As people write it, in a baseline or with `--tolerance`: a value, then words that select.
///
///     1%                                    all counts and times
///     12,0.5%                               12 counts, or half a percent of the greater one
///     5ms owner=guest:vm0/*                 times of one VM's vCPUs
///     2% event=cycles mark=bounded policy=fair counter=gp0
///
/// `*` in a selector stands for any characters. Of several rules that fit a series the last one that speaks of counts
/// decides for counts, and the last one that speaks of times for times; a percentage speaks of both.
public struct ToleranceRule: Equatable, Sendable {
    public var counts: Tolerance?
    public var times: Tolerance?
    public var owner: String?
    public var counter: String?
    public var event: String?
    public var mark: Mark?
    public var policy: String?
    /// The rule as written, single-spaced.
    public let text: String

    public struct Malformed: Error, Equatable, CustomStringConvertible {
        public var rule: String
        public var reason: String
        public var description: String {
            "tolerance `\(rule)`: \(reason); write e.g. `1%`, `12,0.5%`, `5ms owner=guest:vm0/*`"
        }
    }

    public init(parsing text: String) throws(Malformed) {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        self.text = words.joined(separator: " ")
        guard let value = words.first else { throw Malformed(rule: text, reason: "it is empty") }
        for word in words.dropFirst() {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw Malformed(rule: text, reason: "`\(word)` selects nothing") }
            switch parts[0] {
            case "owner": owner = parts[1]
            case "counter": counter = parts[1]
            case "event": event = parts[1]
            case "policy": policy = parts[1]
            case "mark":
                guard let named = Mark(name: parts[1]) else {
                    throw Malformed(rule: text, reason: "mark `\(parts[1])` is none of exact, bounded, unknown")
                }
                mark = named
            default:
                throw Malformed(
                    rule: text, reason: "`\(parts[0])` is none of owner, counter, event, mark, policy")
            }
        }
        try read(value, of: text)
    }

    private mutating func read(_ value: String, of text: String) throws(Malformed) {
        var relative: String?
        for part in value.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
            if part.hasSuffix("%") {
                guard relative == nil else { throw Malformed(rule: text, reason: "two percentages") }
                relative = part
            } else if let unit = ToleranceRule.units.first(where: { part.hasSuffix($0.suffix) }) {
                let number = part.dropLast(unit.suffix.count)
                guard times == nil, let many = UInt64(number), !many.multipliedReportingOverflow(by: unit.ns).overflow
                else { throw Malformed(rule: text, reason: "`\(part)` is no time") }
                times = Tolerance(absolute: many * unit.ns)
            } else {
                guard counts == nil, let tolerance = Tolerance(parsing: part) else {
                    throw Malformed(rule: text, reason: "`\(part)` is no number of counts, time or percentage")
                }
                counts = tolerance
            }
        }
        guard let relative else { return }
        guard let share = Tolerance(parsing: relative) else {
            throw Malformed(rule: text, reason: "`\(relative)` is no percentage below 100%")
        }
        let onlyRelative = counts == nil && times == nil
        if counts != nil || onlyRelative {
            counts = Tolerance(absolute: counts?.absolute ?? 0, relative: share.relative)
        }
        if times != nil || onlyRelative { times = Tolerance(absolute: times?.absolute ?? 0, relative: share.relative) }
    }

    private static let units: [(suffix: String, ns: UInt64)] = [
        ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000),
    ]

    /// Whether the rule speaks of `series` under `policy`.
    public func fits(_ series: Series, policy name: String) -> Bool {
        func matches(_ pattern: String?, _ text: String?) -> Bool {
            guard let pattern else { return true }
            return text.map { ToleranceRule.glob(Array(pattern.utf8), Array($0.utf8)) } ?? false
        }
        return matches(owner, series.key.owner) && matches(counter, series.key.counter)
            && matches(event, series.key.event) && matches(policy, name)
            && (mark == nil || mark == series.reading.mark)
    }

    /// `*` matches any bytes, everything else itself.
    static func glob(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var (p, t) = (0, 0)
        var star: (pattern: Int, text: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = (p + 1, t)
                p += 1
            } else if p < pattern.count, pattern[p] == text[t] {
                p += 1
                t += 1
            } else if let back = star {
                star = (back.pattern, back.text + 1)
                (p, t) = (back.pattern, back.text + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
