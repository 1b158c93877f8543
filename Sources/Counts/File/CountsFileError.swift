/// Why a counts file could not be read or written: one line that names file, offset and remedy.
public struct CountsFileError: Error, Equatable, CustomStringConvertible {
    public var path: String
    public var problem: Problem

    public init(path: String, problem: Problem) {
        self.path = path
        self.problem = problem
    }

    public enum Problem: Equatable, Sendable {
        /// A system call failed: what was tried, and the system's words.
        case system(String, String)
        case alreadyExists
        /// Not a regular file, so that it cannot be mapped.
        case notAFile
        /// Neither a counts file nor the JSON of one.
        case notCounts
        case newerVersion(UInt32)
        case truncated(is: UInt64, wanted: UInt64)
        case damaged(offset: UInt64, String)
        /// JSON that does not describe a table.
        case json(String)
        /// A file of raw columns where a table was wanted.
        case noTable
    }

    public var description: String {
        let words =
            switch problem {
            case .system(let what, let why): "cannot \(what): \(why)"
            case .alreadyExists: "exists already; give --force to replace it"
            case .notAFile: "is not a regular file; write the counts to a file and name that"
            case .notCounts: "is not a counts file; make one with vpmu replay -o"
            case .newerVersion(let version):
                "is a counts file of version \(version), this vpmu reads \(CountsFile.version); use the vpmu that wrote it"
            case .truncated(let size, let wanted):
                "ends at byte \(size) of \(wanted); write it again with vpmu replay -o"
            case .damaged(let offset, let what):
                "is damaged at offset \(offset): \(what); write it again with vpmu replay -o"
            case .json(let why): "is not the JSON of vpmu replay --json: \(why)"
            case .noTable: "holds raw columns, not the counts of a replay"
            }
        return "\(path): \(words)"
    }
}
