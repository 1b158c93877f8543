import Trace

/// The pages of one CPU of one buffer, from the file or out of compressed chunks.
final class PageStream {
    /// What there is next.
    enum Next {
        /// Valid until the next request; `offset` is where it or its chunk stands in the file.
        case page(UnsafeRawBufferPointer, offset: UInt64)
        /// Something is missing here; more may follow unless it is the end.
        case damage(ImportDamage, isEnd: Bool)
        case end
    }

    /// A chunk of trace-cmd's is ten pages; a larger one than this is refused before memory is taken.
    static let chunkLimit = 64 << 20

    private let window: FileWindow
    private let cpu: UInt32
    private let pageSize: Int
    private var position: UInt64
    private let end: UInt64
    private var cutAt: UInt64?
    private let isCompressed: Bool
    private var chunksLeft: UInt32?
    private var chunk: UnsafeMutableRawBufferPointer?
    private var chunkFilled = 0
    private var chunkPosition = 0
    private var chunkOffset: UInt64 = 0

    /// - Parameter pageSize: bytes, at least 64.
    init(_ file: ImportInput, _ cpu: TraceDatBuffer.CPU, pageSize: Int, isCompressed: Bool) {
        window = FileWindow(file, stride: 1 << 18)
        self.cpu = cpu.id
        self.pageSize = pageSize
        self.isCompressed = isCompressed
        position = cpu.offset
        let (claimed, overflow) = cpu.offset.addingReportingOverflow(cpu.size)
        // The size of a compressed stream leaves out its count of chunks, which is what really bounds it.
        end = overflow || isCompressed ? file.size : min(claimed, file.size)
        if overflow || isCompressed || claimed > file.size { cutAt = file.size }
    }

    deinit { chunk?.deallocate() }

    func next() throws -> Next {
        if isCompressed { return try nextOfChunk() }
        guard position < end, end - position >= UInt64(pageSize),
            let page = try window.bytes(at: position, count: pageSize)
        else { return finish() }
        defer { position += UInt64(pageSize) }
        return .page(page, offset: position)
    }

    private func finish() -> Next {
        guard let cut = cutAt else { return .end }
        cutAt = nil
        position = end
        return .damage(
            ImportDamage(offset: cut, reason: "the file ends here, inside the pages of CPU \(cpu)"), isEnd: true)
    }

    private func nextOfChunk() throws -> Next {
        while true {
            if let chunk, chunkFilled - chunkPosition >= pageSize {
                defer { chunkPosition += pageSize }
                return .page(
                    UnsafeRawBufferPointer(rebasing: chunk[chunkPosition..<chunkPosition + pageSize]),
                    offset: chunkOffset)
            }
            if chunksLeft == nil {
                guard position < end, let head = try window.bytes(at: position, count: 4), end - position >= 4 else {
                    return finish()
                }
                chunksLeft = head.value(0)
                position += 4
            }
            guard let left = chunksLeft, left > 0 else { return .end }
            guard end - position >= 8, let head = try window.bytes(at: position, count: 8) else { return finish() }
            let packedSize = Int(head.value(0, as: UInt32.self))
            let plainSize = Int(head.value(4, as: UInt32.self))
            guard plainSize <= Self.chunkLimit, packedSize <= Self.chunkLimit else {
                chunksLeft = 0
                return .damage(
                    ImportDamage(
                        offset: position, reason: "a chunk claims \(packedSize) bytes that unpack to \(plainSize)"),
                    isEnd: true)
            }
            guard UInt64(packedSize) <= end - position - 8,
                let packed = try window.bytes(at: position + 8, count: packedSize)
            else {
                chunksLeft = 0
                return finish()
            }
            chunksLeft = left - 1
            chunkOffset = position
            position += 8 + UInt64(packedSize)
            if (chunk?.count ?? 0) < plainSize {
                chunk?.deallocate()
                chunk = .allocate(byteCount: plainSize, alignment: 16)
            }
            chunkPosition = 0
            chunkFilled = 0
            guard let chunk else { continue }
            switch ZstdChunk.unpack(packed, into: chunk) {
            case .success(let size): chunkFilled = size
            case .failure(let reason):
                return .damage(
                    ImportDamage(offset: chunkOffset, reason: "a compressed chunk does not unpack (\(reason.text))"),
                    isEnd: false)
            }
        }
    }
}

/// The records of one CPU of one buffer, in the order of its ring.
final class RingStream {
    private let pages: PageStream
    private let layout: PageLayout
    private var page: KbufferPage?
    private var pageOffset: UInt64 = 0
    private let onDamage: (ImportDamage, _ isEnd: Bool) -> Void
    /// Records lost, with the times (the ring's clock) between which it happened.
    private let onLost: (KbufferPage.Missed, _ earliest: UInt64, _ latest: UInt64) -> Void
    private var lastTime: UInt64?
    private var gapBefore = false
    /// The next record, nil at the end.
    private(set) var current: (bytes: UnsafeRawBufferPointer, time: UInt64, offset: UInt64)?

    init(
        _ pages: PageStream, layout: PageLayout, onDamage: @escaping (ImportDamage, Bool) -> Void,
        onLost: @escaping (KbufferPage.Missed, UInt64, UInt64) -> Void
    ) {
        self.pages = pages
        self.layout = layout
        self.onDamage = onDamage
        self.onLost = onLost
    }

    func advance() throws {
        current = nil
        while true {
            if page == nil {
                switch try pages.next() {
                case .end: return
                case .damage(let damage, let isEnd):
                    onDamage(damage, isEnd)
                    gapBefore = true
                    continue
                case .page(let bytes, let offset):
                    pageOffset = offset
                    guard let next = KbufferPage(bytes, layout: layout) else {
                        onDamage(ImportDamage(offset: offset, reason: "this is no page of a ring buffer"), false)
                        gapBefore = true
                        continue
                    }
                    let start = next.startTime
                    if next.missed != .none { onLost(next.missed, min(lastTime ?? start, start), start) }
                    if gapBefore { onLost(.some, min(lastTime ?? start, start), start) }
                    gapBefore = false
                    page = next
                }
            }
            switch page!.next() {
            case .record(let bytes, let time):
                lastTime = time
                current = (bytes, time, pageOffset)
                return
            case .end: page = nil
            case .damaged(let offset, let reason):
                onDamage(ImportDamage(offset: pageOffset + UInt64(offset), reason: reason), false)
                gapBefore = true
                page = nil
            }
        }
    }
}
