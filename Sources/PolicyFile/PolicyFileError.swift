/// What is wrong with a policy file, and where.
public struct PolicyFileError: Error, Equatable, CustomStringConvertible {
    public var file: String
    /// From 1; both 0 where the file as a whole is meant.
    public var line: Int
    /// In characters, from 1.
    public var column: Int
    public var reason: String

    public init(file: String, line: Int, column: Int, reason: String) {
        self.file = file
        self.line = line
        self.column = column
        self.reason = reason
    }

    /// One line, whatever the file holds: control characters become blanks, and what gets long is cut.
    public var description: String {
        var reason = String.UnicodeScalarView()
        for scalar in self.reason.unicodeScalars.prefix(400) {
            reason.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return line == 0 ? "\(file): \(String(reason))" : "\(file):\(line):\(column): \(String(reason))"
    }
}
