/// Why a tracepoint's format, or a record in it, could not be used.
public enum TracepointError: Error, Equatable, CustomStringConvertible {
    /// A line of a format file is neither a field nor anything known; lines count from 1.
    case malformedLine(line: Int, text: String)
    /// The text has no `name:` line.
    case noName
    /// The text has no `ID:` line, or its number is not one.
    case noID
    /// No tracepoint of ours has this name.
    case notOurs(name: String)
    /// A field that the event cannot do without is absent, or has a size that no integer has.
    case unusableField(tracepoint: String, field: String, reason: String)
    /// The record ends before its last field does.
    case shortRecord(tracepoint: String, needed: Int, got: Int)
    /// A dynamic field points outside its record.
    case fieldOutsideRecord(tracepoint: String, field: String, offset: Int, length: Int, record: Int)

    public var description: String {
        switch self {
        case .malformedLine(let line, let text):
            "tracepoint format, line \(line): cannot read '\(text.prefix(80))' as a field; is this a tracefs format file?"
        case .noName:
            "tracepoint format has no 'name:' line; is this a tracefs format file?"
        case .noID:
            "tracepoint format has no usable 'ID:' line; is this a tracefs format file?"
        case .notOurs(let name):
            "tracepoint '\(name)' is not one of "
                + EventKind.allCases.map(\.tracepoint).joined(separator: ", ")
        case .unusableField(let tracepoint, let field, let reason):
            "tracepoint \(tracepoint): field '\(field)' \(reason); this kernel's format is not supported"
        case .shortRecord(let tracepoint, let needed, let got):
            "record of \(tracepoint) has \(got) bytes where its format needs \(needed): the data is damaged"
        case .fieldOutsideRecord(let tracepoint, let field, let offset, let length, let record):
            "record of \(tracepoint): field '\(field)' claims bytes \(offset)..<\(offset + length) of a record of "
                + "\(record) bytes: the data is damaged"
        }
    }
}
