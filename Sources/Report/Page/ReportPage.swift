import Counts
import Foundation

/// One self-contained HTML page: the comparison of policies over one trace, differences first, and a time line of who
/// held each physical counter. It asks for nothing from any network, and its tables need no script.
public struct ReportPage: Sendable {
    public var title: String
    /// In the order they are shown; the first is what the others are measured against.
    public let tables: [CountsTable]
    /// Strips of some or all of the policies, by policy name.
    public let strips: [TimeStrips]
    /// What optional sources of the trace tell, a sentence each.
    public let testimony: [String]

    public init(title: String, tables: [CountsTable], strips: [TimeStrips] = [], testimony: [String] = []) {
        self.title = title
        self.tables = tables
        self.strips = strips
        self.testimony = testimony
    }

    /// Same input, same bytes.
    public func html() throws -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
        <title>\(Markup.xml(title))</title>
        <style>\(Self.style)</style>
        </head>
        <body>
        <a class="skip" href="#differences">Skip to the differences</a>
        <header>
        <h1>\(Markup.xml(title))</h1>
        <p>\(Markup.xml(subtitle))</p>
        </header>
        <main>
        \(summary)
        \(comparison)
        \(timeLines)
        \(findings)
        \(beside)
        </main>
        <script type="application/json" id="counts">\(try Self.embedded(CountsTable.json(tables)))</script>
        <script type="application/json" id="strips">\(try Self.embedded(Self.json(strips)))</script>
        <script>\(Self.script)</script>
        </body>
        </html>

        """
    }

    /// Writes the page.
    ///
    /// - Throws: what Foundation throws when it cannot.
    public func write(to path: String) throws {
        try Data(html().utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    private var subtitle: String {
        let names = tables.map(\.policy).joined(separator: ", ")
        guard let first = tables.first else { return "Nothing was replayed." }
        let span = Figures.duration(first.end >= first.start ? first.end - first.start : 0)
        return "\(first.trace ?? "A trace") of \(span), replayed under \(names)."
    }

    private static func json(_ strips: [TimeStrips]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(strips), as: UTF8.self)
    }

    /// JSON inside a script element: no `<`, so that nothing in it can end the element.
    private static func embedded(_ json: String) -> String {
        json.replacing("<", with: "\\u003c").replacing("\u{2028}", with: "\\u2028").replacing(
            "\u{2029}", with: "\\u2029")
    }
}
