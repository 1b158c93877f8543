/// Why a scenario file cannot be used, at the place where it says so.
public struct ScenarioError: Error, Equatable, CustomStringConvertible {
    public var file: String
    /// Counted from 1; nil where the file as a whole is meant.
    public var line: Int?
    public var column: Int?
    public var reason: String

    /// One line, whatever the file holds.
    public var description: String {
        let reason = ScenarioError.oneLine(reason)
        guard let line, let column else { return "\(file): \(reason)" }
        return "\(file):\(line):\(column): \(reason)"
    }

    /// Without line breaks and other control characters, and cut where it gets long.
    private static func oneLine(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(400) {
            line.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return String(line)
    }
}
