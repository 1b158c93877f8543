/// Why a scenario file cannot be used, at the place where it says so.
public struct ScenarioError: Error, Equatable, CustomStringConvertible {
    public var file: String
    /// Counted from 1; nil where the file as a whole is meant.
    public var line: Int?
    public var column: Int?
    public var reason: String

    public var description: String {
        guard let line, let column else { return "\(file): \(reason)" }
        return "\(file):\(line):\(column): \(reason)"
    }
}
