/// What the times of a text mean: moments, or, after `perf script --deltatime`, differences to the row before.
///
/// The text itself does not say so. The first difference is 0, and the next ones do not rise, which no sorted text with
/// moments does. So rows of a text that begins at 0 wait until one goes back, or enough of them have not.
struct RowTimes {
    enum Meaning { case unknown, moments, differences }

    private(set) var meaning = Meaning.unknown
    /// Rows that wait for the meaning to be known.
    private var waiting: [[UInt8]] = []
    private var last: UInt64?
    /// Sum of the differences so far, ns.
    private(set) var sum: UInt64 = 0
    private(set) var rows: UInt64 = 0
    /// Whether all differences are whole microseconds: each was cut to one.
    private(set) var isCut = true
    private static let patience = 256

    /// Takes a row while the meaning is unknown.
    ///
    /// - Parameter time: what the row says, ns; nil where it says nothing.
    /// - Returns: the rows to be read now, this one among them; empty while they have to wait.
    mutating func ask(_ row: [UInt8], time: UInt64?, isPerf: Bool) -> [[UInt8]] {
        waiting.append(row)
        if let time {
            if last == nil, time != 0 || !isPerf {
                meaning = .moments
            } else if let last, time < last {
                meaning = .differences
            }
            last = time
        }
        if waiting.count >= Self.patience, meaning == .unknown { meaning = .moments }
        return meaning == .unknown ? [] : release()
    }

    /// The rows that still wait at the text's end: none of them went back.
    mutating func finish() -> [[UInt8]] {
        if meaning == .unknown { meaning = .moments }
        return release()
    }

    /// The moment of a row, ns, where its time is a difference.
    mutating func moment(after difference: UInt64) -> UInt64 {
        rows += 1
        if difference % 1000 != 0 { isCut = false }
        sum = sum.addingSaturated(difference)
        return sum
    }

    private mutating func release() -> [[UInt8]] {
        defer { waiting = [] }
        return waiting
    }
}
