/// How a counts file is laid out. All numbers are little endian.
///
///     offset  size
///          0     8  magic "VPMUCNTS"
///          8     4  version, 1
///         12     4  kind: 0 the table of a replay, 1 raw columns
///         16     8  length of the whole file
///         24     4  number of columns
///         28     4  0
///         32     8  XXH64 of header and directory, computed with these 8 bytes 0
///         40    24  0
///         64  64 ×  directory, one entry per column:
///                       0 32 name, UTF-8, filled with 0
///                      32  4 bytes per element: 1, 4 or 8
///                      36  4  0
///                      40  8 offset of the column from the start of the file, a multiple of 64
///                      48  8 length of the column in bytes
///                      56  8 XXH64 of the column
///
/// Columns follow in the order of the directory, without overlap. Readers ignore columns they do not know.
struct ColumnDirectory {
    struct Entry {
        var name: String
        var width: Int
        var range: Range<Int>
        var checksum: UInt64
    }

    static let magic = Array("VPMUCNTS".utf8)
    static let alignment = 64
    static let entrySize = 64
    static let nameSize = 32
    /// More columns than any vpmu writes; bounds what a hostile header makes us allocate.
    static let maximumColumns = 4096

    var kind: CountsFile.Kind
    var entries: [Entry]

    /// Reads and checks header and directory; believes no length before it has compared it with the file's.
    init(_ bytes: UnsafeRawBufferPointer, path: String) throws(CountsFileError) {
        func damaged(_ offset: Int, _ what: String) -> CountsFileError {
            CountsFileError(path: path, problem: .damaged(offset: UInt64(offset), what))
        }
        func u32(_ at: Int) -> UInt32 { UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)) }
        func u64(_ at: Int) -> UInt64 { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }

        guard bytes.count >= 8, bytes.prefix(8).elementsEqual(Self.magic) else {
            throw CountsFileError(path: path, problem: .notCounts)
        }
        guard bytes.count >= 64 else {
            throw CountsFileError(path: path, problem: .truncated(is: UInt64(bytes.count), wanted: 64))
        }
        guard u32(8) == CountsFile.version else {
            throw u32(8) == 0
                ? damaged(8, "version 0") : CountsFileError(path: path, problem: .newerVersion(u32(8)))
        }
        let length = u64(16)
        guard length == UInt64(bytes.count) else {
            throw length > UInt64(bytes.count)
                ? CountsFileError(path: path, problem: .truncated(is: UInt64(bytes.count), wanted: length))
                : damaged(Int(length), "\(UInt64(bytes.count) - length) bytes follow the end of the file")
        }
        let columns = Int(u32(24))
        guard columns <= Self.maximumColumns else { throw damaged(24, "\(columns) columns") }
        let end = 64 + columns * Self.entrySize
        guard end <= bytes.count else { throw damaged(24, "a directory of \(columns) columns does not fit") }
        var header = Array(bytes[0..<end])
        header.replaceSubrange(32..<40, with: repeatElement(0, count: 8))
        let sum = header.withUnsafeBytes { XXH64.hash($0) }
        guard sum == u64(32) else { throw damaged(32, "checksum of the header") }
        guard let kind = CountsFile.Kind(rawValue: u32(12)) else { throw damaged(12, "kind \(u32(12))") }

        self.kind = kind
        entries = []
        var free = end
        for index in 0..<columns {
            let at = 64 + index * Self.entrySize
            let (width, offset, size) = (Int(u32(at + 32)), u64(at + 40), u64(at + 48))
            guard [1, 4, 8].contains(width) else { throw damaged(at + 32, "\(width) bytes per element") }
            guard offset % UInt64(Self.alignment) == 0, offset >= UInt64(free), offset <= length,
                size <= length - offset, size % UInt64(width) == 0
            else { throw damaged(at + 40, "a column at \(offset) of \(size) bytes") }
            let name = bytes[at..<at + Self.nameSize].prefix { $0 != 0 }
            free = Int(offset + size)
            entries.append(
                Entry(
                    name: String(decoding: name, as: UTF8.self), width: width, range: Int(offset)..<free,
                    checksum: u64(at + 56)))
        }
    }
}
