import Synchronization

/// Reads blocks from a file and decodes them. One per thread.
final class BlockReader {
    private let file: InputFile
    private let decoder = BlockDecoder()
    private var buffer = Scratch()

    init(_ file: InputFile) { self.file = file }

    func decode(
        _ block: TraceBlock, into columns: BlockColumns, _ parts: BlockParts = .everything
    ) throws(TraceError) {
        guard block.length <= Frame.prefixSize + Frame.largestBody + Frame.largestPayload else {
            throw .limit(
                path: file.path, offset: block.offset, what: "the length of a block", value: UInt64(block.length),
                limit: UInt64(Frame.largestPayload))
        }
        let bytes = buffer.room(block.length)
        let got = try file.read(block.length, at: block.offset, into: bytes)
        do throws(FormatViolation) {
            guard got == block.length else {
                throw FormatViolation("the file ends inside a block of \(block.length) bytes")
            }
            let whole = UnsafeRawBufferPointer(start: bytes, count: got)
            guard case .frame(let frame) = Frame.parse(whole, at: block.offset), frame.kind == .block,
                frame.length == block.length
            else { throw FormatViolation("the header of a block does not match its checksum or the index") }
            let header = try BlockHeader(frame)
            guard header.pcpu == block.pcpu, Int(header.events) == block.events else {
                throw FormatViolation("the block and the index disagree")
            }
            try decoder.decode(header, .init(rebasing: whole[frame.headerLength...]), into: columns, parts)
        } catch {
            throw .damaged(path: file.path, offset: block.offset, reason: error.reason)
        }
    }
}

/// Block readers that wait for their next use, so that decoding block by block makes none anew.
final class BlockReaderPool: Sendable {
    private struct Spare: @unchecked Sendable {
        // A reader in the pool belongs to nobody; whoever takes it out is its only user.
        let reader: BlockReader
    }
    private let spare = Mutex<[Spare]>([])

    func take() -> BlockReader? { spare.withLock { $0.popLast() }?.reader }

    func put(_ reader: BlockReader) {
        let spared = Spare(reader: reader)
        spare.withLock { if $0.count < 16 { $0.append(spared) } }
    }
}
