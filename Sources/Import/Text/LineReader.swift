/// The lines of a file, one after the other, however long the file is.
struct LineReader {
    /// A line longer than this is passed over unless the reader asks for longer ones: no tracer prints one.
    static let lengthLimit = 1 << 16

    enum Line {
        /// Without its line end; valid until the next request.
        case text(UnsafeRawBufferPointer, offset: UInt64, isTerminated: Bool)
        case tooLong(offset: UInt64)
    }

    private let window: FileWindow
    private let size: UInt64
    private let limit: Int
    private var position: UInt64

    init(_ file: ImportInput, from start: UInt64 = 0, limit: Int = lengthLimit) {
        self.limit = limit
        window = FileWindow(file, stride: 1 << 20)
        size = file.size
        position = start
    }

    mutating func next() throws -> Line? {
        guard position < size else { return nil }
        let start = position
        // Most lines are short: the whole limit is only asked for where no end is near.
        var reach = Int(min(UInt64(min(limit, Self.lengthLimit)), size - start))
        guard var bytes = try window.bytes(at: start, count: reach) else {
            position = size
            return nil
        }
        if limit > Self.lengthLimit, reach == Self.lengthLimit, bytes.firstIndex(of: 0x0a) == nil {
            reach = Int(min(UInt64(limit), size - start))
            guard let more = try window.bytes(at: start, count: reach) else { return nil }
            bytes = more
        }
        if let end = bytes.firstIndex(of: 0x0a) {
            position = start + UInt64(end) + 1
            var length = end
            if length > 0, bytes[length - 1] == 0x0d { length -= 1 }
            return .text(UnsafeRawBufferPointer(rebasing: bytes[0..<length]), offset: start, isTerminated: true)
        }
        if start + UInt64(reach) == size {
            position = size
            return .text(bytes, offset: start, isTerminated: false)
        }
        try skipToLineEnd(from: start + UInt64(reach))
        return .tooLong(offset: start)
    }

    private mutating func skipToLineEnd(from start: UInt64) throws {
        var at = start
        while at < size {
            let reach = Int(min(UInt64(Self.lengthLimit), size - at))
            guard let bytes = try window.bytes(at: at, count: reach) else { break }
            if let end = bytes.firstIndex(of: 0x0a) {
                position = at + UInt64(end) + 1
                return
            }
            at += UInt64(reach)
        }
        position = size
    }
}
