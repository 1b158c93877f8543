import Foundation
import Testing

/// The sessions in README.md, played as a reader would type them.
///
/// A session is a fenced block marked `console`: a line that begins with `$ ` is typed, the lines below it are what it
/// prints. A line `[...]` stands for any lines, `[...]` inside a line for any characters. With VPMU_REWRITE_README=1
/// the documents are rewritten to what was printed, but for exchanges with `[...]`.
@Suite("Every command in a README prints what the README shows")
struct ReadmeTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct Exchange: Sendable, CustomTestStringConvertible {
        var command: String
        var expected: [String]
        var testDescription: String { command }
    }

    /// The sessions of one document, in order: the exchanges of one block share a directory.
    static func sessions(in document: String) -> [[Exchange]] {
        guard let text = try? String(contentsOf: root.appendingPathComponent(document), encoding: .utf8) else {
            return []
        }
        var sessions: [[Exchange]] = []
        var inside = false
        for line in text.components(separatedBy: "\n") {
            if line.hasPrefix("```") {
                inside = line == "```console"
                if inside { sessions.append([]) }
            } else if inside, line.hasPrefix("$ ") {
                sessions[sessions.count - 1].append(Exchange(command: String(line.dropFirst(2)), expected: []))
            } else if inside, let last = sessions.last?.indices.last {
                sessions[sessions.count - 1][last].expected.append(line)
            }
        }
        return sessions
    }

    @Test("README.md has a session to play")
    func readmeHasSession() {
        #expect(!ReadmeTests.sessions(in: "README.md").flatMap { $0 }.isEmpty)
    }

    @Test("A session prints what is written below its commands", arguments: ["README.md", "Traces/README.md"])
    func sessionsPrintWhatIsWritten(document: String) throws {
        #expect(!ReadmeTests.sessions(in: document).isEmpty)
        for session in ReadmeTests.sessions(in: document) {
            let directory = try TemporaryDirectory()
            for name in ["Traces", "Tools"] {
                try FileManager.default.createSymbolicLink(
                    at: directory.url.appendingPathComponent(name),
                    withDestinationURL: ReadmeTests.root.appendingPathComponent(name))
            }
            for exchange in session where !ReadmeTests.isScript(exchange.command) {
                let printed = try run(exchange.command, in: directory.url)
                let wanted = ReadmeTests.trimmed(exchange.expected)
                if ReadmeTests.rewrites { try rewrite(exchange, printed: printed, in: document) }
                #expect(
                    ReadmeTests.matches(printed, wanted),
                    "\(document): `\(exchange.command)` printed\n\(printed.joined(separator: "\n"))")
            }
        }
    }

    private static let gap = "[...]"
    private static let rewrites = ProcessInfo.processInfo.environment["VPMU_REWRITE_README"] == "1"

    private func rewrite(_ exchange: Exchange, printed: [String], in document: String) throws {
        guard !exchange.expected.contains(where: { $0.contains(ReadmeTests.gap) }) else { return }
        let url = ReadmeTests.root.appendingPathComponent(document)
        let old = (["$ " + exchange.command] + exchange.expected).joined(separator: "\n")
        let new = (["$ " + exchange.command] + printed).joined(separator: "\n")
        let text = try String(contentsOf: url, encoding: .utf8)
        try text.replacingOccurrences(of: old, with: new).write(to: url, atomically: true, encoding: .utf8)
    }

    /// The two scripts build before they run, which a test of this build cannot: it is one of them that runs it.
    static func isScript(_ command: String) -> Bool { command == "./Tools/run" || command == "./Tools/test" }

    private func run(_ command: String, in directory: URL) throws -> [String] {
        let output = directory.appendingPathComponent(".printed")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let handle = try FileHandle(forWritingTo: output)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", command]
        process.currentDirectoryURL = directory
        var environment = ProcessInfo.processInfo.environment
        environment["PATH"] =
            Executable.url.deletingLastPathComponent().path + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
        environment["NO_COLOR"] = "1"
        environment["COLUMNS"] = nil
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        process.waitUntilExit()
        let text = String(decoding: try Data(contentsOf: output), as: UTF8.self)
        return ReadmeTests.trimmed(text.components(separatedBy: "\n"))
    }

    /// Without empty lines at the end and blanks at the ends of lines.
    static func trimmed(_ lines: [String]) -> [String] {
        var lines = lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    static func matches(_ printed: [String], _ wanted: [String]) -> Bool {
        matches(printed[...], wanted[...])
    }

    private static func matches(_ printed: ArraySlice<String>, _ wanted: ArraySlice<String>) -> Bool {
        guard let first = wanted.first else { return printed.isEmpty }
        if first == gap {
            return printed.indices.contains { matches(printed[$0...], wanted.dropFirst()) }
                || matches(printed[printed.endIndex...], wanted.dropFirst())
        }
        guard let line = printed.first, fits(line, first) else { return false }
        return matches(printed.dropFirst(), wanted.dropFirst())
    }

    private static func fits(_ line: String, _ pattern: String) -> Bool {
        guard pattern.contains(gap) else { return line == pattern }
        let parts = pattern.components(separatedBy: gap)
        guard line.hasPrefix(parts[0]), line.hasSuffix(parts[parts.count - 1]) else { return false }
        var rest = line.dropFirst(parts[0].count)
        for part in parts.dropFirst() where !part.isEmpty {
            guard let range = rest.range(of: part) else { return false }
            rest = rest[range.upperBound...]
        }
        return true
    }

    @Test(
        "[...] stands for any lines, or any characters of a line",
        arguments: [
            (["a", "b", "c"], ["a", "[...]", "c"], true), (["a", "c"], ["a", "[...]", "c"], true),
            (["a", "b"], ["a", "[...]", "c"], false), (["took 12 ms"], ["took [...] ms"], true),
            (["took 12 s"], ["took [...] ms"], false), (["a"], ["[...]"], true),
        ])
    func dots(printed: [String], wanted: [String], fits: Bool) {
        #expect(ReadmeTests.matches(printed, wanted) == fits)
    }
}
