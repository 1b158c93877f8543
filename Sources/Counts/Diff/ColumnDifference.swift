import CDiff
import Dispatch
import Foundation
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
    /// The result does not depend on `threads`, `instructionSet` or `memory`. Alignment beyond that of `UInt64` is not
    /// needed.
    public init(
        _ a: UnsafeBufferPointer<UInt64>, _ b: UnsafeBufferPointer<UInt64>, tolerance: Tolerance = .none,
        threads: Int = 1, instructionSet: InstructionSet = .best, memory: ColumnMemory = .resident
    ) {
        precondition(a.count == b.count, "columns of \(a.count) and \(b.count) elements")
        precondition(instructionSet.isSupported, "this CPU has no \(instructionSet)")
        self.init()
        guard let x = a.baseAddress, let y = b.baseAddress else { return }
        let count = a.count
        let kernel = Int32(instructionSet.rawValue)
        let crew = min(threads, (count + Self.share - 1) / Self.share)
        guard crew > 1 || memory == .mappedFile else {
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
                memory.prepare(left + start, length)
                memory.prepare(right + start, length)
                mine.merge(
                    ColumnDifference(
                        cdiff_columns(left + start, right + start, length, tolerance.c, kernel), at: start))
                memory.letGo(left + start, length)
                memory.letGo(right + start, length)
            }
            found.withLock { $0.merge(mine) }
        }
        self = found.withLock { $0 }
    }
}

/// Where compared columns lie.
public enum ColumnMemory: Sendable {
    case resident
    /// In files that are mapped: their pages are entered into the page table a share at a time, by whichever thread
    /// reads it next, instead of 16 at each page fault, and taken out of it again by the same, instead of all of them
    /// by one thread in the end.
    case mappedFile

    /// madvise(2), since Linux 5.14; older kernels refuse it, and pages come by faults.
    private static let populateRead: Int32 = 22
    private static let pageSize = UInt(getpagesize())

    fileprivate func prepare(_ start: UnsafePointer<UInt64>, _ count: Int) {
        guard self == .mappedFile else { return }
        let from = UInt(bitPattern: start) & ~(Self.pageSize - 1)
        let to = UInt(bitPattern: start + count)
        _ = madvise(UnsafeMutableRawPointer(bitPattern: from), Int(to - from), Self.populateRead)
    }

    /// Pages that lie in the share as a whole: those at its ends are another one's too.
    fileprivate func letGo(_ start: UnsafePointer<UInt64>, _ count: Int) {
        guard self == .mappedFile else { return }
        let from = (UInt(bitPattern: start) + Self.pageSize - 1) & ~(Self.pageSize - 1)
        let to = UInt(bitPattern: start + count) & ~(Self.pageSize - 1)
        if to > from { _ = madvise(UnsafeMutableRawPointer(bitPattern: from), Int(to - from), MADV_DONTNEED) }
    }
}
