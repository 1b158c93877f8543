import Trace

/// The blocks of a trace as they are decoded for one reader after the other: those that are done with are used again.
final class BlockStore: @unchecked Sendable {
    private let reader: TraceReader
    private let registers: PMURegisters
    /// Numbers of blocks in the order of time, by pCPU.
    let byPCPU: [(pcpu: UInt16, blocks: [Int])]
    private var decoded = 0
    /// Blocks that nobody reads any more, and those done with in the turns before.
    private var spare: [DemandBlock] = []
    private var before: [DemandBlock] = []
    private var now: [DemandBlock] = []

    init(_ reader: TraceReader, _ registers: PMURegisters) {
        self.reader = reader
        self.registers = registers
        var lists: [UInt16: [Int]] = [:]
        for (number, block) in reader.blocks.enumerated() where block.events > 0 {
            lists[block.pcpu, default: []].append(number)
        }
        byPCPU = lists.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    func first(of number: Int) -> UInt64 { reader.blocks[number].first }

    /// - Parameter parts: what of its columns is wanted.
    /// - Throws: `TraceError` where it is damaged.
    func block(_ number: Int, _ parts: BlockParts = .everything) throws(TraceError) -> DemandBlock {
        let block = spare.popLast() ?? DemandBlock()
        try reader.decode(reader.blocks[number], into: block.columns, parts)
        decoded += 1
        block.cut(registers, serial: decoded)
        return block
    }

    /// Whoever took the block is done with it, two turns from now.
    func release(_ block: DemandBlock) { now.append(block) }

    func turn() {
        spare += before
        before = now
        now = []
    }
}
