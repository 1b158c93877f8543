import Foundation

extension CountsFile {
    /// What to do with a file that is there already.
    public enum Existing: Sendable {
        case keep
        case replace
    }

    struct Column {
        var name: String
        var width: Int
        var bytes: UnsafeRawBufferPointer
    }

    /// Writes raw columns of equal or different lengths, e.g. for measuring.
    public static func write(
        columns: [(name: String, values: UnsafeBufferPointer<UInt64>)], to path: String, existing: Existing = .keep
    ) throws(CountsFileError) {
        try write(
            columns.map { Column(name: $0.name, width: 8, bytes: UnsafeRawBufferPointer($0.values)) },
            kind: .rawColumns, to: path, existing: existing)
    }

    /// Writes beside `path` and moves the finished file there: a reader sees the old one, the new one, or none.
    static func write(_ columns: [Column], kind: Kind, to path: String, existing: Existing) throws(CountsFileError) {
        precondition(columns.count <= ColumnDirectory.maximumColumns, "\(columns.count) columns")
        if existing == .keep, access(path, F_OK) == 0 { throw CountsFileError(path: path, problem: .alreadyExists) }
        let temporary = path + ".\(getpid()).part"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CountsFileError(path: path, problem: .system("create", systemError()))
        }
        do throws(CountsFileError) {
            defer { close(descriptor) }
            let header = self.header(columns, kind: kind)
            let zeros = [UInt8](repeating: 0, count: ColumnDirectory.alignment)
            var position = header.count
            var written = header.withUnsafeBytes { put($0, descriptor) }
            for column in columns where written {
                let gap = align(position) - position
                written =
                    zeros.withUnsafeBytes { put(UnsafeRawBufferPointer(rebasing: $0[0..<gap]), descriptor) }
                    && put(column.bytes, descriptor)
                position += gap + column.bytes.count
            }
            guard written else { throw CountsFileError(path: path, problem: .system("write", systemError())) }
            guard move(temporary, to: path, existing: existing) else {
                throw CountsFileError(
                    path: path, problem: errno == EEXIST ? .alreadyExists : .system("write", systemError()))
            }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// link() fails where a file has appeared meanwhile, which rename() would overwrite; not every file system has it.
    private static func move(_ temporary: String, to path: String, existing: Existing) -> Bool {
        guard existing == .keep else { return rename(temporary, path) == 0 }
        if link(temporary, path) == 0 { return unlink(temporary) == 0 }
        return errno == EPERM && rename(temporary, path) == 0
    }

    private static func align(_ position: Int) -> Int {
        (position + ColumnDirectory.alignment - 1) / ColumnDirectory.alignment * ColumnDirectory.alignment
    }

    private static func header(_ columns: [Column], kind: Kind) -> [UInt8] {
        var bytes = ColumnDirectory.magic
        func append<T: FixedWidthInteger>(_ value: T) { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
        var entries: [(Column, Int)] = []
        var end = 64 + columns.count * ColumnDirectory.entrySize
        for column in columns {
            entries.append((column, align(end)))
            end = align(end) + column.bytes.count
        }
        append(version)
        append(kind.rawValue)
        append(UInt64(end))
        append(UInt32(columns.count))
        append(UInt32(0))
        bytes += [UInt8](repeating: 0, count: 64 - bytes.count)
        for (column, offset) in entries {
            let name = Array(column.name.utf8)
            precondition(name.count <= ColumnDirectory.nameSize, "column name \(column.name) is too long")
            bytes += name + [UInt8](repeating: 0, count: ColumnDirectory.nameSize - name.count)
            append(UInt32(column.width))
            append(UInt32(0))
            append(UInt64(offset))
            append(UInt64(column.bytes.count))
            append(XXH64.hash(column.bytes))
        }
        let sum = bytes.withUnsafeBytes { XXH64.hash($0) }
        withUnsafeBytes(of: sum.littleEndian) { bytes.replaceSubrange(32..<40, with: $0) }
        return bytes
    }

    /// Whether all of `bytes` went out; else errno says why not.
    private static func put(_ bytes: UnsafeRawBufferPointer, _ descriptor: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let written = Foundation.write(descriptor, rest.baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return false }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
        return true
    }
}
