import Trace

/// The losses an input tells of, on their way to the sink.
///
/// An input may claim any number of them: from the `limit`-th on those of one pCPU become one, which covers all their
/// time.
struct LossLedger {
    enum Moment: Int {
        /// Before each pCPU's first record.
        case beforeTheFirst
        case anyTime
    }

    private static let limit = 1 << 18

    /// Records known to be lost, at most the largest number.
    private(set) var counted: UInt64 = 0
    /// Places where records were lost without a number.
    private(set) var uncounted: UInt64 = 0
    private var waiting: [LostRecords] = []
    private var listed = 0
    private var joined = JoinedLosses()
    /// Losses that no pCPU can be named for, by their moment: how many records (nil where any number is unknown).
    private var unplaced: [Moment: UInt64?] = [:]

    mutating func take(_ record: LostRecords) {
        count(record.count)
        place(record)
    }

    mutating func takeAnywhere(_ count: UInt64?, when moment: Moment) {
        self.count(count)
        switch unplaced[moment] {
        case nil: unplaced[moment] = .some(count)
        case .some(nil): break
        case .some(let known?): unplaced[moment] = .some(count.map { known.addingSaturated($0) })
        }
    }

    /// Gives those not placed before to each pCPU, over its time from the `first` record on or before it.
    mutating func place(onEach first: [UInt16: UInt64], of span: (first: UInt64, last: UInt64)?) {
        for (moment, count) in unplaced.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            for (pcpu, time) in first.sorted(by: { $0.key < $1.key }) {
                let (earliest, latest) = moment == .anyTime ? span ?? (time, time) : (time, time)
                place(
                    LostRecords(
                        pcpu: pcpu, kind: nil, count: first.count == 1 ? count : nil, earliest: earliest,
                        latest: latest))
            }
        }
        unplaced = [:]
    }

    /// Hands on what waits.
    mutating func hand(to take: (LostRecords) throws -> Void) rethrows {
        for record in waiting { try take(record) }
        waiting = []
    }

    /// Hands on everything, those that were joined last.
    mutating func handAll(to take: (LostRecords) throws -> Void) rethrows {
        try hand(to: take)
        for record in joined.list { try take(record) }
    }

    /// What to say of losses that became one, nil where each stands alone.
    var remark: String? {
        !joined.isEmpty
            ? "the input tells of more than \(Self.limit) losses; those after them are one on each CPU, over all their time"
            : nil
    }

    private mutating func count(_ count: UInt64?) {
        if let count { counted = counted.addingSaturated(count) } else { uncounted += 1 }
    }

    private mutating func place(_ record: LostRecords) {
        guard listed < Self.limit else { return joined.add(record) }
        listed += 1
        waiting.append(record)
    }
}
