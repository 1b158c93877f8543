/// The contents of comms frames: names in the order of their index.
enum CommTable {
    static let longestName = 4096
    /// Most names of one trace: what a hostile file can make a reader keep.
    static let mostNames = 1 << 20

    static func encode(_ names: ArraySlice<String>) -> [UInt8] {
        var out = ByteWriter()
        out.append(varint: UInt64(names.startIndex))
        for name in names { out.append(string: name) }
        return out.bytes
    }

    /// Appends a frame's names to `names`, which must hold all those before.
    static func decode(_ content: UnsafeRawBufferPointer, count: Int, into names: inout [String])
        throws(FormatViolation)
    {
        var reader = ByteReader(content)
        let first = try reader.count("the index of a name", atMost: mostNames)
        guard first >= names.count else { throw FormatViolation("a name with the index \(first) given already") }
        // Names lost to damage before are unknown, not shifted.
        guard first - names.count <= 1 << 16 else { throw FormatViolation("a name with the index \(first)") }
        guard count <= mostNames - first else {
            throw FormatViolation("\(first + count) names, more than \(mostNames)")
        }
        while names.count < first { names.append("?") }
        for _ in 0..<count { names.append(try reader.string(atMost: longestName)) }
        try reader.expectEnd("the names")
    }
}
