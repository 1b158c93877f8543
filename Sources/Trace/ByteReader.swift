/// Reads little-endian integers and LEB128 varints, and throws rather than read past the end.
struct ByteReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var remaining: Int { bytes.count - offset }

    mutating func read<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(FormatViolation) -> T {
        let size = MemoryLayout<T>.size
        guard remaining >= size else { throw FormatViolation("ends after \(bytes.count) bytes, inside a number") }
        defer { offset += size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    @inline(__always)
    mutating func varint() throws(FormatViolation) -> UInt64 {
        // Most are a single byte.
        if offset < bytes.count, bytes[offset] < 0x80 {
            offset &+= 1
            return UInt64(bytes[offset &- 1])
        }
        return try longVarint()
    }

    private mutating func longVarint() throws(FormatViolation) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard offset < bytes.count else {
                throw FormatViolation("ends after \(bytes.count) bytes, inside a number")
            }
            let byte = bytes[offset]
            offset += 1
            if shift == 63, byte > 1 { throw FormatViolation("a number is longer than 64 bits") }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { throw FormatViolation("a number is longer than 64 bits") }
        }
    }

    mutating func zigzag() throws(FormatViolation) -> Int64 {
        let raw = try varint()
        return Int64(bitPattern: (raw >> 1) ^ (0 &- (raw & 1)))
    }

    /// A varint that must not exceed `limit`.
    mutating func count(_ what: String, atMost limit: Int) throws(FormatViolation) -> Int {
        let value = try varint()
        guard value <= UInt64(limit) else {
            throw FormatViolation("\(what) is \(value), more than the \(limit) allowed")
        }
        return Int(value)
    }

    mutating func slice(_ count: Int) throws(FormatViolation) -> UnsafeRawBufferPointer {
        guard count >= 0, remaining >= count else {
            throw FormatViolation("ends after \(bytes.count) bytes, \(count) more were announced")
        }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    mutating func string(atMost limit: Int) throws(FormatViolation) -> String {
        let length = try count("the length of a string", atMost: limit)
        return String(decoding: try slice(length), as: UTF8.self)
    }

    func expectEnd(_ what: String) throws(FormatViolation) {
        guard remaining == 0 else { throw FormatViolation("\(remaining) unexpected bytes after \(what)") }
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` that keeps the type of the error.
    func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        let result: Result<R, E> = withUnsafeBytes { bytes in
            do throws(E) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
