/// Reads little-endian integers and LEB128 varints, and throws rather than read past the end.
struct ByteReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var remaining: Int { bytes.count - offset }

    @inline(__always)
    mutating func read<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(FormatViolation) -> T {
        let size = MemoryLayout<T>.size
        guard remaining >= size else { throw FormatViolation("ends after \(bytes.count) bytes, inside a number") }
        defer { offset += size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    @inline(__always)
    mutating func varint() throws(FormatViolation) -> UInt64 {
        // Most are a single byte or two.
        if offset &+ 1 < bytes.count {
            let first = bytes[offset]
            if first < 0x80 {
                offset &+= 1
                return UInt64(first)
            }
            let second = bytes[offset &+ 1]
            if second < 0x80 {
                offset &+= 2
                return UInt64(first & 0x7F) | UInt64(second) &<< 7
            }
        }
        return try longVarint()
    }

    private mutating func longVarint() throws(FormatViolation) -> UInt64 {
        if remaining >= 8 {
            // Up to eight bytes in one load: the first without the high bit is the last.
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let ends = ~word & 0x8080_8080_8080_8080
            if ends != 0 {
                let length = ends.trailingZeroBitCount &>> 3 &+ 1
                offset &+= length
                return ByteReader.joined(word & (~0 &>> UInt64(64 &- 8 &* length)))
            }
        }
        var value: UInt64 = 0
        var shift: UInt64 = 0
        var at = offset
        let end = bytes.count
        while at < end {
            let byte = bytes[at]
            at &+= 1
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 {
                guard shift < 63 || byte <= 1 else { break }
                offset = at
                return value
            }
            shift &+= 7
            if shift > 63 { break }
        }
        offset = at
        guard shift > 56 else { throw FormatViolation("ends after \(bytes.count) bytes, inside a number") }
        throw FormatViolation("a number is longer than 64 bits")
    }

    /// Eight groups of seven bits, each in a byte of its own.
    @inline(__always)
    private static func joined(_ word: UInt64) -> UInt64 {
        var word = word & 0x7F7F_7F7F_7F7F_7F7F
        word = word & 0x007F_007F_007F_007F | (word & 0x7F00_7F00_7F00_7F00) &>> 1
        word = word & 0x0000_3FFF_0000_3FFF | (word & 0x3FFF_0000_3FFF_0000) &>> 2
        return word & 0x0FFF_FFFF | (word &>> 32) &<< 28
    }

    mutating func zigzag() throws(FormatViolation) -> Int64 {
        let raw = try varint()
        return Int64(bitPattern: (raw >> 1) ^ (0 &- (raw & 1)))
    }

    /// A varint that must not exceed `limit`.
    @inline(__always)
    mutating func count(_ what: StaticString, atMost limit: Int) throws(FormatViolation) -> Int {
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
