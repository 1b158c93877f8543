import CBench
import Counts
import Dispatch
import Foundation
import Synchronization

/// The diff of two columns: against the fastest way to read two streams, `cmp`, and numpy.
struct DiffBench {
    let effort: BenchEffort
    let executable: String

    /// A relative tolerance, so that the whole kernel is at work; nothing in the data depends on it.
    private static let tolerance = Tolerance(relative: 42_950)

    func run(into outcome: inout BenchOutcome) throws {
        let count = effort.columnBytes / 8
        let columns = try Columns(count)
        try inMemory(columns, into: &outcome)
        let scratch = try Scratch()
        guard scratch.free > 4 * effort.columnBytes else {
            outcome.skipped.append(BenchSkip(name: "diff.files", why: "\(scratch.path) has too little room"))
            return
        }
        // cmp stops at the first difference, so that everybody gets equal files.
        let (a, b) = (scratch.file("a.counts"), scratch.file("b.counts"))
        try CountsFile.write(columns: [("column", columns.a)], to: a)
        try CountsFile.write(columns: [("column", columns.a)], to: b)
        columns.free()
        try onFiles(a, b, into: &outcome)
    }

    private func inMemory(_ columns: Columns, into outcome: inout BenchOutcome) throws {
        let kernels = (0..<Int32(CBENCH_READS.rawValue)).filter { cbench_supports($0) != 0 }
        var rounds = Rounds()
        var contenders: [(name: String, work: () throws -> Double?)] = []
        for kernel in kernels {
            contenders.append(("read \(kernel)", { columns.read(kernel, threads: 1) }))
            contenders.append(("read2 \(kernel)", { columns.read(kernel, threads: 2) }))
        }
        let sets = InstructionSet.allCases.filter { $0 == .portable || $0 == .best }
        for set in sets { contenders.append(("diff \(set)", { columns.diff(set, threads: 1) })) }
        contenders.append(("diff2", { columns.diff(.best, threads: 2) }))
        contenders.append(("memcpy", { columns.copy() }))
        try rounds.run(1, contenders)
        rounds = Rounds()
        try rounds.run(effort.rounds, contenders)

        let best = rounds.fastest(kernels.map { "read \($0)" })
        let best2 = rounds.fastest(kernels.map { "read2 \($0)" })
        let bytes = Double(columns.a.count * 16)
        func rate(_ name: String) -> String { String(format: "%.1f GB/s", bytes / rounds.median(name) / 1e9) }
        let what = "count beyond 0.001 %, max, 128-bit sum, first"
        outcome.add(
            "diff.ram.one-thread", rounds.speed("diff \(InstructionSet.best)", over: best), "of best read",
            peer: "best one-core read of two streams, \(rate(best))",
            how: "\(InstructionSet.best) kernel, \(what), \(rate("diff \(InstructionSet.best)"))")
        outcome.add(
            "diff.ram.two-threads", rounds.speed("diff2", over: best2), "of best read",
            peer: "best two-core read, \(rate(best2))", how: "\(InstructionSet.best) kernel, \(rate("diff2"))")
        outcome.add(
            "diff.ram.portable", rounds.speed("diff portable", over: best), "of best read",
            peer: "best one-core read of two streams, \(rate(best))",
            how: "kernel without AVX, \(rate("diff portable"))")
        outcome.add(
            "diff.ram.memcpy", rounds.speed("diff \(InstructionSet.best)", over: "memcpy"), "x memcpy",
            peer: "memcpy of one column, read and written \(rate("memcpy"))", how: "one thread")
    }

    private func onFiles(_ a: String, _ b: String, into outcome: inout BenchOutcome) throws {
        let own = PeerProgram(path: executable)
        let relative = "\(Double(Self.tolerance.relative) / 4_294_967_296 * 100)%"
        var contenders: [(name: String, work: () throws -> Double?)] = [
            (
                "vpmu",
                { try own.run(["diff", a, b, "--tolerance", relative, "--threads", "2"], expecting: [0]).wall }
            )
        ]
        let cmp = PeerProgram("cmp")
        if let cmp { contenders.append(("cmp", { try cmp.run([a, b], expecting: [0]).wall })) }
        let python = NumpyPeer()
        if let python { contenders.append(("numpy", { try python.seconds(a, b) })) }
        var rounds = Rounds()
        try rounds.run(1, contenders)
        rounds = Rounds()
        try rounds.run(effort.rounds, contenders)
        let rate = String(format: "%.1f GB/s", Double(effort.columnBytes * 2) / rounds.median("vpmu") / 1e9)
        func seconds(_ name: String) -> String { String(format: "%.0f ms", rounds.median(name) * 1e3) }
        if cmp != nil {
            outcome.add(
                "diff.files.cmp", rounds.speed("vpmu", over: "cmp"), "x faster", peer: "cmp A B, \(seconds("cmp"))",
                how: "vpmu diff A B, equal cached files, whole process, \(seconds("vpmu")), \(rate)")
        } else {
            outcome.skipped.append(BenchSkip(name: "diff.files.cmp", why: "cmp is not installed"))
        }
        if python != nil {
            outcome.add(
                "diff.files.numpy", rounds.speed("vpmu", over: "numpy"), "x faster",
                peer: "numpy, same statistics, start-up taken off, \(seconds("numpy"))",
                how: "vpmu diff A B, whole process, \(seconds("vpmu"))")
        } else {
            outcome.skipped.append(BenchSkip(name: "diff.files.numpy", why: "python3 with numpy is not installed"))
        }
    }
}

/// Two columns in memory, equal but for one element in a hundred.
private struct Columns {
    let a: UnsafeBufferPointer<UInt64>
    let b: UnsafeBufferPointer<UInt64>
    private let memory: UnsafeMutableBufferPointer<UInt64>

    init(_ count: Int) throws(BenchError) {
        let size = 2 * count * 8
        guard
            let start = mmap(
                nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0),
            start != MAP_FAILED
        else { throw BenchError("no memory for two columns of \(count * 8) bytes") }
        memory = UnsafeMutableBufferPointer(
            start: start.bindMemory(to: UInt64.self, capacity: 2 * count), count: 2 * count)
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        for index in 0..<count {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            memory[index] = state >> 16
            memory[count + index] = state % 100 == 0 ? state >> 17 : state >> 16
        }
        a = UnsafeBufferPointer(rebasing: UnsafeBufferPointer(memory)[..<count])
        b = UnsafeBufferPointer(rebasing: UnsafeBufferPointer(memory)[count...])
    }

    func free() { munmap(memory.baseAddress, memory.count * 8) }

    func diff(_ set: InstructionSet, threads: Int) -> Double? {
        let clock = threads == 1 ? Rounds.cpu : Rounds.now
        let start = clock()
        let found = ColumnDifference(
            a, b, tolerance: Tolerance(relative: 42_950), threads: threads, instructionSet: set)
        keep(found.sum)
        return clock() - start
    }

    func read(_ kernel: Int32, threads: Int) -> Double? {
        let clock = threads == 1 ? Rounds.cpu : Rounds.now
        let start = clock()
        let share = 1 << 18
        let count = a.count
        nonisolated(unsafe) let (x, y) = (a.baseAddress!, b.baseAddress!)
        let cursor = Atomic<Int>(0)
        let sum = Atomic<UInt64>(0)
        if threads == 1 {
            sum.store(cbench_read_columns(x, y, count, kernel), ordering: .relaxed)
        } else {
            DispatchQueue.concurrentPerform(iterations: threads) { _ in
                while true {
                    let from = cursor.add(share, ordering: .relaxed).oldValue
                    guard from < count else { break }
                    let part = cbench_read_columns(x + from, y + from, min(share, count - from), kernel)
                    sum.wrappingAdd(part, ordering: .relaxed)
                }
            }
        }
        keep(sum.load(ordering: .relaxed))
        return clock() - start
    }

    /// Copies one column to memory that is there already.
    func copy() -> Double? {
        let half = memory.count / 2
        let target = UnsafeMutableRawPointer.allocate(byteCount: half * 8, alignment: 4096)
        defer { target.deallocate() }
        memset(target, 1, half * 8)
        let start = Rounds.cpu()
        memcpy(target, a.baseAddress!, half * 8)
        return Rounds.cpu() - start
    }
}

/// Makes the optimiser believe that somebody looks at `value`.
@inline(never) func keep<T>(_ value: T) { withExtendedLifetime(value) {} }
