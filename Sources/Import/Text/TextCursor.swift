/// Reads words and numbers from a line of text, front to back; each read says whether they were there.
struct TextCursor {
    let bytes: UnsafeRawBufferPointer
    var position: Int

    init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    var isAtEnd: Bool { position >= bytes.count }

    mutating func skipBlanks() {
        while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
    }

    /// Passes over `text` if it comes next.
    mutating func skip(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard count <= bytes.count - position else { return false }
        for index in 0..<count where bytes[position + index] != text.utf8Start[index] { return false }
        position += count
        return true
    }

    /// The next hexadecimal number, with or without `0x`; nil where none is or it has more than 64 bits.
    mutating func hex() -> UInt64? {
        if position + 1 < bytes.count, bytes[position] == 0x30, bytes[position + 1] | 0x20 == 0x78 { position += 2 }
        var value: UInt64 = 0
        let start = position
        while position < bytes.count, let digit = Self.digit(bytes[position]) {
            guard value >> 60 == 0 else { return nil }
            value = value << 4 | UInt64(digit)
            position += 1
        }
        return position > start ? value : nil
    }

    mutating func decimal() -> UInt64? {
        var value: UInt64 = 0
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
            let (times, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, overAgain) = times.addingReportingOverflow(UInt64(bytes[position] - 0x30))
            if over || overAgain { return nil }
            value = sum
            position += 1
        }
        return position > start ? value : nil
    }

    mutating func signedDecimal() -> Int64? {
        let negative = position < bytes.count && bytes[position] == 0x2d
        if negative { position += 1 }
        guard let value = decimal(), let signed = Int64(exactly: value) else { return nil }
        return negative ? -signed : signed
    }

    /// A decimal number with a sign, or a hexadecimal one with `0x`.
    mutating func number() -> Int64? {
        if position + 1 < bytes.count, bytes[position] == 0x30, bytes[position + 1] == 0x78 {
            return hex().map { Int64(bitPattern: $0) }
        }
        return signedDecimal()
    }

    /// Passes over everything up to and including `text`.
    mutating func skip(past text: StaticString) -> Bool {
        guard let found = bytes.find(text, from: position) else { return false }
        position = found + text.utf8CodeUnitCount
        return true
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x61 + 10
        case 0x41...0x46: byte - 0x41 + 10
        default: nil
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Where `text` first stands, at or after `start`.
    func find(_ text: StaticString, from start: Int = 0) -> Int? {
        let length = text.utf8CodeUnitCount
        guard length > 0, count - start >= length else { return nil }
        let first = text.utf8Start[0]
        var at = start
        while at <= count - length {
            if self[at] == first {
                var matched = 1
                while matched < length, self[at + matched] == text.utf8Start[matched] { matched += 1 }
                if matched == length { return at }
            }
            at += 1
        }
        return nil
    }

    /// Where `text` last stands before `end`.
    func findLast(_ text: StaticString, before end: Int) -> Int? {
        let length = text.utf8CodeUnitCount
        guard length > 0 else { return nil }
        var at = Swift.min(end, count) - length
        while at >= 0 {
            var matched = 0
            while matched < length, self[at + matched] == text.utf8Start[matched] { matched += 1 }
            if matched == length { return at }
            at -= 1
        }
        return nil
    }

    func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }

    /// Without blanks on either side.
    var trimmed: UnsafeRawBufferPointer {
        var from = 0
        var to = count
        while from < to, self[from] == 0x20 || self[from] == 0x09 { from += 1 }
        while to > from, self[to - 1] == 0x20 || self[to - 1] == 0x09 { to -= 1 }
        return slice(from..<to)
    }

    var string: String { String(decoding: self, as: UTF8.self) }

    /// A number for the bytes, another one for nearly all others (FNV-1a).
    var fingerprint: UInt32 { reduce(0x811c_9dc5) { ($0 ^ UInt32($1)) &* 0x0100_0193 } }

    func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && starts(with: text)
    }

    func starts(with text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where self[index] != text.utf8Start[index] { return false }
        return true
    }
}
