import Foundation

/// A counts file, mapped and not read: `ColumnDirectory` shows the layout.
///
/// Opening checks the header. The columns of a table are checked when they are turned into one; raw columns are
/// checked by `verify`, because a diff reads them once at the speed of memory and no slower.
public struct CountsFile: Sendable {
    /// The version written and the only one read.
    public static let version: UInt32 = 1

    /// What the columns are.
    public enum Kind: UInt32, Sendable {
        case table = 0
        case rawColumns = 1
    }

    public let path: String
    public let kind: Kind
    let file: MappedFile
    let directory: ColumnDirectory

    public init(_ path: String) throws(CountsFileError) {
        self.path = path
        file = try MappedFile(path)
        directory = try ColumnDirectory(file.bytes, path: path)
        kind = directory.kind
    }

    /// The names of the columns of 64-bit numbers, in the order of the file.
    public var columnNames: [String] { directory.entries.filter { $0.width == 8 }.map(\.name) }

    /// Calls `body` with the 64-bit numbers of column `name`, still mapped; nil where there is no such column.
    public func withColumn<R, E>(_ name: String, _ body: (UnsafeBufferPointer<UInt64>) throws(E) -> R) throws(E) -> R? {
        guard let entry = directory.entries.first(where: { $0.name == name && $0.width == 8 }) else { return nil }
        let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[entry.range])
        return try body(bytes.bindMemory(to: UInt64.self))
    }

    /// Reads every byte and compares the checksums.
    public func verify() throws(CountsFileError) {
        for entry in directory.entries { _ = try content(entry) }
    }

    /// The bytes of a column, checked.
    func content(_ entry: ColumnDirectory.Entry) throws(CountsFileError) -> UnsafeRawBufferPointer {
        let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[entry.range])
        guard XXH64.hash(bytes) == entry.checksum else {
            throw damaged(entry, "checksum of column \"\(entry.name)\"")
        }
        return bytes
    }

    func damaged(_ entry: ColumnDirectory.Entry, _ what: String) -> CountsFileError {
        CountsFileError(path: path, problem: .damaged(offset: UInt64(entry.range.lowerBound), what))
    }
}
