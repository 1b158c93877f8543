extension TracepointFormat {
    /// The furthest byte a field may reach: perf and ftrace both limit a record to a page, and a raw sample to 64 KiB.
    static let maximumExtent = 1 << 16

    /// Reads a tracefs `format` file: `name:`, `ID:`, `format:` and its fields; what follows `print fmt:` is ignored.
    ///
    /// - Throws: `TracepointError` naming the line that cannot be read.
    public init(parsing text: String) throws {
        var name: String?
        var id: UInt32?
        // From the bytes, because "\r\n" is one Character and a hostile text need not be valid anything.
        for line in text.utf8.split(separator: UInt8(ascii: "\n")).map({ Substring($0) }) {
            let line = line.trimmed()
            if let rest = line.dropping(prefix: "name:") {
                name = String(rest.trimmed())
            } else if let rest = line.dropping(prefix: "ID:") {
                id = UInt32(rest.trimmed())
            } else if line.hasPrefix("print fmt:") {
                break
            }
        }
        guard let name, !name.isEmpty else { throw TracepointError.noName }
        guard let id else { throw TracepointError.noID }
        self.init(name: name, id: id, fields: try Self.fields(parsing: text))
    }

    /// Reads only the `field:` lines, as `events/header_page` has them without a name or a number.
    ///
    /// - Throws: `TracepointError.malformedLine`.
    public static func fields(parsing text: String) throws -> [Field] {
        var fields: [Field] = []
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, bytes) in lines.enumerated() {
            let line = Substring(bytes).trimmed()
            if line.hasPrefix("print fmt:") { break }
            guard let rest = line.dropping(prefix: "field:") else { continue }
            guard let field = Field(parsing: rest) else {
                throw TracepointError.malformedLine(line: index + 1, text: String(line))
            }
            fields.append(field)
        }
        return fields
    }
}

extension TracepointFormat.Field {
    /// `unsigned char common_flags;  offset:2;  size:1;  signed:0;` (the last part is absent before Linux 2.6.36).
    init?(parsing text: Substring) {
        var parts = text.utf8.split(separator: UInt8(ascii: ";")).map { Substring($0).trimmed() }
        guard parts.count >= 3 else { return nil }
        let declaration = parts.removeFirst()
        var offset: Int?
        var size: Int?
        var signed: Int? = 0
        for part in parts {
            if let value = part.dropping(prefix: "offset:") {
                offset = Int(value)
            } else if let value = part.dropping(prefix: "size:") {
                size = Int(value)
            } else if let value = part.dropping(prefix: "signed:") {
                signed = Int(value)
            }
        }
        guard let offset, let size, let signed, offset >= 0, size >= 0, offset <= TracepointFormat.maximumExtent,
            size <= TracepointFormat.maximumExtent - offset
        else { return nil }

        var rest = declaration
        var array = ""
        if rest.hasSuffix("]"), let open = rest.lastIndex(of: "[") {
            array = String(rest[open...])
            rest = rest[..<open]
        }
        let name = rest.reversed().prefix { $0 == "_" || ($0.isASCII && ($0.isLetter || $0.isNumber)) }.reversed()
        guard !name.isEmpty else { return nil }
        let type = rest.dropLast(name.count).trimmed()
        self.init(
            name: String(name), type: String(type) + array, offset: offset, size: size, isSigned: signed != 0)
    }
}

extension Substring {
    func trimmed() -> Substring {
        let blank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
        guard let first = firstIndex(where: { !blank($0) }), let last = lastIndex(where: { !blank($0) }) else {
            return ""
        }
        return self[first...last]
    }

    func dropping(prefix: String) -> Substring? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }
}
