/// Names a file by its bytes, so that a baseline or a remembered verdict knows what it was made from.
public enum ContentHash {
    /// The 64-bit xxHash of a file, 16 hex digits: what `xxh64sum` prints.
    ///
    /// - Throws: `CountsFileError` if the file cannot be read.
    public static func ofFile(_ path: String) throws(CountsFileError) -> String {
        let file = try MappedFile(path)
        return withExtendedLifetime(file) { hex(file.bytes) }
    }

    /// The same of bytes in memory.
    public static func of(_ bytes: some Sequence<UInt8>) -> String {
        Array(bytes).withUnsafeBytes { hex($0) }
    }

    private static func hex(_ bytes: UnsafeRawBufferPointer) -> String {
        let digits = String(XXH64.hash(bytes), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
