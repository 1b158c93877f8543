import Trace

/// One JSON object of a line, whose values are numbers, texts, truth values or null: what `vpmu dump --json` writes.
///
/// Numbers keep all 64 bits, which a general reader's floating point would not. Nested values are passed over.
struct FlatObject {
    enum Value: Equatable {
        case unsigned(UInt64)
        case negative(Int64)
        case text(String)
        case truth(Bool)
        case null
        /// A nested object or list, as it stands in the line.
        case nested(Range<Int>)
    }

    private(set) var fields: [(key: String, value: Value)] = []

    /// - Returns: nil where the line is not exactly one object.
    init?(_ line: UnsafeRawBufferPointer) {
        var cursor = TextCursor(line)
        cursor.skipBlanks()
        guard cursor.skip("{") else { return nil }
        cursor.skipBlanks()
        if !cursor.skip("}") {
            repeat {
                cursor.skipBlanks()
                guard fields.count < 64, let key = Self.text(&cursor) else { return nil }
                cursor.skipBlanks()
                guard cursor.skip(":") else { return nil }
                cursor.skipBlanks()
                guard let value = Self.value(&cursor) else { return nil }
                fields.append((key, value))
                cursor.skipBlanks()
            } while cursor.skip(",")
            guard cursor.skip("}") else { return nil }
        }
        cursor.skipBlanks()
        guard cursor.isAtEnd else { return nil }
    }

    subscript(key: String) -> Value? {
        for field in fields where field.key == key { return field.value }
        return nil
    }

    func unsigned(_ key: String) -> UInt64? {
        if case .unsigned(let value)? = self[key] { return value }
        return nil
    }

    func signed(_ key: String) -> Int64? {
        switch self[key] {
        case .unsigned(let value)?: return Int64(exactly: value)
        case .negative(let value)?: return value
        default: return nil
        }
    }

    func text(_ key: String) -> String? {
        if case .text(let value)? = self[key] { return value }
        return nil
    }

    func truth(_ key: String) -> Bool? {
        if case .truth(let value)? = self[key] { return value }
        return nil
    }

    private static func value(_ cursor: inout TextCursor) -> Value? {
        guard !cursor.isAtEnd else { return nil }
        switch cursor.bytes[cursor.position] {
        case 0x22: return text(&cursor).map { .text($0) }
        case 0x2d: return cursor.signedDecimal().map { .negative($0) }
        case 0x30...0x39: return cursor.decimal().map { .unsigned($0) }
        case 0x7b, 0x5b:
            let start = cursor.position
            return skipNested(&cursor) ? .nested(start..<cursor.position) : nil
        default:
            if cursor.skip("true") { return .truth(true) }
            if cursor.skip("false") { return .truth(false) }
            return cursor.skip("null") ? .null : nil
        }
    }

    /// Passes over an object or a list, counting brackets outside of texts.
    private static func skipNested(_ cursor: inout TextCursor) -> Bool {
        var depth = 0
        while !cursor.isAtEnd {
            switch cursor.bytes[cursor.position] {
            case 0x7b, 0x5b: depth += 1
            case 0x7d, 0x5d:
                depth -= 1
                if depth == 0 {
                    cursor.position += 1
                    return true
                }
            case 0x22:
                guard text(&cursor) != nil else { return false }
                continue
            default: break
            }
            cursor.position += 1
        }
        return false
    }

    /// A text in quotes, with its escapes undone.
    private static func text(_ cursor: inout TextCursor) -> String? {
        guard cursor.skip("\"") else { return nil }
        var bytes: [UInt8] = []
        while !cursor.isAtEnd {
            let byte = cursor.bytes[cursor.position]
            cursor.position += 1
            switch byte {
            case 0x22: return String(decoding: bytes, as: UTF8.self)
            case 0x5c:
                guard let scalar = escape(&cursor) else { return nil }
                bytes.append(contentsOf: Array(String(scalar).utf8))
            case 0..<0x20: return nil
            default: bytes.append(byte)
            }
        }
        return nil
    }

    private static func escape(_ cursor: inout TextCursor) -> Unicode.Scalar? {
        guard !cursor.isAtEnd else { return nil }
        let byte = cursor.bytes[cursor.position]
        cursor.position += 1
        switch byte {
        case 0x22, 0x5c, 0x2f: return Unicode.Scalar(byte)
        case 0x62: return "\u{08}"
        case 0x66: return "\u{0c}"
        case 0x6e: return "\n"
        case 0x72: return "\r"
        case 0x74: return "\t"
        case 0x75:
            guard let first = codeUnit(&cursor) else { return nil }
            guard (0xd800..<0xdc00).contains(first) else { return Unicode.Scalar(first) ?? "\u{fffd}" }
            guard cursor.skip("\\u"), let second = codeUnit(&cursor), (0xdc00..<0xe000).contains(second) else {
                return "\u{fffd}"
            }
            return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
        default: return nil
        }
    }

    private static func codeUnit(_ cursor: inout TextCursor) -> UInt32? {
        guard cursor.bytes.count - cursor.position >= 4 else { return nil }
        var digits = TextCursor(cursor.bytes.slice(cursor.position..<cursor.position + 4))
        guard let value = digits.hex(), digits.isAtEnd else { return nil }
        cursor.position += 4
        return UInt32(value)
    }
}
