/// Reads a stretch of a file from front to back; each read says whether the stretch reaches that far.
struct Region {
    private let window: FileWindow
    private(set) var position: UInt64
    let end: UInt64

    init(_ file: ImportInput, from start: UInt64, to end: UInt64, stride: Int = 1 << 16) {
        self.init(FileWindow(file, stride: stride), from: start, to: end)
    }

    init(_ window: FileWindow, from start: UInt64, to end: UInt64) {
        self.window = window
        position = start
        self.end = max(start, end)
    }

    var remaining: UInt64 { end - position }

    mutating func integer<T: FixedWidthInteger>(_ type: T.Type = T.self) throws -> T? {
        guard let bytes = try bytes(MemoryLayout<T>.size) else { return nil }
        return bytes.value(0, as: T.self)
    }

    /// Valid until the next read.
    mutating func bytes(_ count: Int) throws -> UnsafeRawBufferPointer? {
        guard count >= 0, UInt64(count) <= remaining, let bytes = try window.bytes(at: position, count: count)
        else { return nil }
        position += UInt64(count)
        return bytes
    }

    mutating func skip(_ count: UInt64) -> Bool {
        guard count <= remaining else { return false }
        position += count
        return true
    }

    mutating func skip(to target: UInt64) -> Bool {
        guard target >= position, target <= end else { return false }
        position = target
        return true
    }

    /// The text up to a NUL at most `limit` bytes away, which is passed over.
    mutating func zeroTerminated(limit: Int = 4096) throws -> String? {
        let start = position
        let reach = Int(min(UInt64(limit), remaining))
        guard reach > 0, let bytes = try window.bytes(at: start, count: reach),
            let length = bytes.firstIndex(of: 0)
        else { return nil }
        position = start + UInt64(length) + 1
        return String(decoding: bytes[0..<length], as: UTF8.self)
    }

    mutating func expect(_ text: StaticString) throws -> Bool {
        let start = position
        guard let bytes = try bytes(text.utf8CodeUnitCount) else { return false }
        for index in 0..<bytes.count where bytes[index] != text.utf8Start[index] {
            position = start
            return false
        }
        return true
    }
}
