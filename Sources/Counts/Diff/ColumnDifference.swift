import CDiff
import Dispatch
import Synchronization

/// What one pass over two columns of equal length found.
public struct ColumnDifference: Equatable, Sendable {
    /// Elements beyond the tolerance.
    public var differing: UInt64
    /// Greatest distance between two elements, tolerated or not.
    public var maximum: UInt64
    /// Sum of all distances, tolerated or not.
    public var sum: UInt128
    /// Index of the first element beyond the tolerance.
    public var first: Int?

    public init(differing: UInt64 = 0, maximum: UInt64 = 0, sum: UInt128 = 0, first: Int? = nil) {
        self.differing = differing
        self.maximum = maximum
        self.sum = sum
        self.first = first
    }

    init(_ c: cdiff_result, at offset: Int) {
        differing = c.differing
        maximum = c.max
        sum = UInt128(c.sum_high) << 64 | UInt128(c.sum_low)
        first = c.first == .max ? nil : offset + Int(c.first)
    }

    /// Joins the findings of two ranges of the same columns, in any order.
    public mutating func merge(_ other: ColumnDifference) {
        differing += other.differing
        maximum = max(maximum, other.maximum)
        sum += other.sum
        if let candidate = other.first { first = min(first ?? candidate, candidate) }
    }
}

extension ColumnDifference {
    /// Elements a thread takes at a time: 2 MB of each column, so that a slow core holds nobody up.
    static let share = 1 << 18

    /// Compares two columns of equal length in one pass.
    ///
    /// The result does not depend on `threads` or `instructionSet`. Alignment beyond that of `UInt64` is not needed.
    public init(
        _ a: UnsafeBufferPointer<UInt64>, _ b: UnsafeBufferPointer<UInt64>, tolerance: Tolerance = .none,
        threads: Int = 1, instructionSet: InstructionSet = .best
    ) {
        precondition(a.count == b.count, "columns of \(a.count) and \(b.count) elements")
        precondition(instructionSet.isSupported, "this CPU has no \(instructionSet)")
        self.init()
        guard let x = a.baseAddress, let y = b.baseAddress else { return }
        let count = a.count
        let kernel = Int32(instructionSet.rawValue)
        let crew = min(threads, (count + Self.share - 1) / Self.share)
        guard crew > 1 else {
            self.init(cdiff_columns(x, y, count, tolerance.c, kernel), at: 0)
            return
        }
        // The threads only read, and the caller keeps the columns alive and unchanged meanwhile.
        nonisolated(unsafe) let (left, right) = (x, y)
        let cursor = Atomic<Int>(0)
        let found = Mutex<ColumnDifference>(ColumnDifference())
        DispatchQueue.concurrentPerform(iterations: crew) { _ in
            var mine = ColumnDifference()
            while true {
                let start = cursor.add(Self.share, ordering: .relaxed).oldValue
                guard start < count else { break }
                let length = min(Self.share, count - start)
                mine.merge(
                    ColumnDifference(
                        cdiff_columns(left + start, right + start, length, tolerance.c, kernel), at: start))
            }
            found.withLock { $0.merge(mine) }
        }
        self = found.withLock { $0 }
    }
}
