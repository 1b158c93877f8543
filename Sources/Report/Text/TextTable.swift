/// Rows of text in aligned columns.
public struct TextTable: Sendable {
    public struct Column: Sendable {
        public enum Alignment: Sendable { case left, right }
        public var title: String
        public var alignment: Alignment

        public static func left(_ title: String) -> Column { Column(title: title, alignment: .left) }
        public static func right(_ title: String) -> Column { Column(title: title, alignment: .right) }
    }

    public struct Cell: Sendable, ExpressibleByStringLiteral {
        public var text: String
        public var tone: Tone

        public init(_ text: String, _ tone: Tone = .plain) {
            self.text = text
            self.tone = tone
        }

        public init(stringLiteral value: String) { self.init(value) }
    }

    public let columns: [Column]
    public private(set) var rows: [[Cell]] = []

    public init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Every row has one cell per column.
    public mutating func append(_ row: [Cell]) {
        precondition(row.count == columns.count, "\(row.count) cells for \(columns.count) columns")
        rows.append(row.map { Cell(Self.printable($0.text), $0.tone) })
    }

    /// The widths of the columns, two spaces between them.
    public var widths: [Int] {
        columns.indices.map { column in
            rows.reduce(columns[column].title.count) { max($0, $1[column].text.count) }
        }
    }

    /// Header and rows, each ended by a newline. Where the terminal is narrower, the longest left-aligned columns are
    /// cut, with an ellipsis; numbers never are.
    public func text(_ terminal: Terminal) -> String {
        let widths = fit(terminal.width)
        func line(_ cells: [Cell]) -> String {
            var padded: [String] = []
            for (index, cell) in cells.enumerated() {
                let shown = Self.cut(cell.text, to: widths[index], columns[index].alignment)
                let gap = String(repeating: " ", count: max(0, widths[index] - shown.count))
                let painted = cell.tone.paint(shown, terminal)
                let isLast = index == cells.count - 1
                padded.append(columns[index].alignment == .right ? gap + painted : isLast ? painted : painted + gap)
            }
            var text = padded.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text + "\n"
        }
        return line(columns.map { Cell($0.title, .heading) }) + rows.map(line).joined()
    }

    private func fit(_ width: Int?) -> [Int] {
        var widths = self.widths
        guard let width else { return widths }
        var excess = widths.reduce(2 * (widths.count - 1), +) - width
        while excess > 0 {
            let candidates = columns.indices.filter { columns[$0].alignment == .left && widths[$0] > 12 }
            guard let longest = candidates.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[longest] -= 1
            excess -= 1
        }
        return widths
    }

    private static func cut(_ text: String, to width: Int, _ alignment: Column.Alignment) -> String {
        guard alignment == .left, text.count > width else { return text }
        return text.prefix(max(0, width - 1)) + "…"
    }

    /// Names come from traces, and a trace from a stranger must not steer the reader's terminal.
    static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }
}
