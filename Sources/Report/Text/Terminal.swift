import Foundation

/// What the place that text goes to can show.
public struct Terminal: Equatable, Sendable {
    /// Whether escape sequences for colour may be written.
    public enum Colour: Sendable { case none, ansi }

    public var colour: Colour
    /// Columns to keep to; nil where lines may be of any length, as in a file or pipe.
    public var width: Int?

    public init(colour: Colour, width: Int?) {
        self.colour = colour
        self.width = width
    }

    /// No colour, lines of any length.
    public static let plain = Terminal(colour: .none, width: nil)

    /// Standard output as it is now.
    public static var standardOutput: Terminal {
        detect(
            isTerminal: isatty(STDOUT_FILENO) == 1, columns: windowColumns(STDOUT_FILENO),
            environment: ProcessInfo.processInfo.environment)
    }

    /// Colour only on a terminal that is not dumb, and never while NO_COLOR holds anything (no-color.org).
    public static func detect(isTerminal: Bool, columns: Int?, environment: [String: String]) -> Terminal {
        guard isTerminal else { return .plain }
        let refused = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
        let stated = environment["COLUMNS"].flatMap(Int.init).flatMap { $0 > 0 ? $0 : nil }
        return Terminal(colour: refused ? .none : .ansi, width: max(columns ?? stated ?? 80, 40))
    }

    private static func windowColumns(_ descriptor: Int32) -> Int? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}

/// What a piece of text means; the colour follows from it.
public enum Tone: Sendable {
    case plain, heading, good, bad, doubtful, faint

    /// `text` in the tone's colour where `terminal` shows any.
    public func paint(_ text: String, _ terminal: Terminal) -> String {
        guard terminal.colour == .ansi, let code, !text.isEmpty else { return text }
        return "\u{1b}[\(code)m\(text)\u{1b}[0m"
    }

    private var code: String? {
        switch self {
        case .plain: nil
        case .heading: "1"
        case .good: "32"
        case .bad: "31"
        case .doubtful: "33"
        case .faint: "2"
        }
    }
}
