import Counts
import Foundation

/// What a policy once counted on some traces, as a small text file that people review and keep beside their code.
///
///     vpmu baseline 1
///     tolerance 1% event=cycles
///
///     trace agent-starves-guest.vpt
///       from 1c0f9a63d1be7a52 policy emulated span 0..1000000000
///       guest:vm0/0 gp0 instructions = 0, enabled 1000000000, silent 1000000000
///         ! no counter free
///         @ 500000000 0 silent 500000000
///       host:agent cpu 0 cycles = 100..250 ~ 200, enabled 1000000000, running 500000000
///
/// One line per guest counter and host event: its name, `=`, how its count is known (a number, `LO..HI` with `?` for an
/// end that is not known and `~` before the best guess, `unknown`), then the times in ns that are not zero and a digest
/// of when it ran: equal digests mean equal counts even where these are not known. `!` gives the reason for a count
/// that is not exact, `@` what had been counted at a checkpoint. Same content, same bytes.
public struct Baseline: Equatable, Sendable {
    public static let version = 1

    public var tolerances: [ToleranceRule]
    /// In canonical order of names.
    public var traces: [Entry]

    public struct Entry: Equatable, Sendable {
        public var name: String
        /// `ContentHash` of the trace file.
        public var content: String
        public var table: CountsTable

        public init(name: String, content: String, table: CountsTable) {
            self.name = name
            self.content = content
            self.table = table
        }
    }

    public init(tolerances: [ToleranceRule] = [], traces: [Entry] = []) {
        self.tolerances = tolerances
        self.traces = traces.sorted { NaturalOrder.less($0.name, $1.name) }
    }

    public func entry(_ name: String) -> Entry? { traces.first { $0.name == name } }

    /// Puts `entries` in, replacing those of the same name; others stay.
    public mutating func update(_ entries: [Entry]) {
        let names = Set(entries.map(\.name))
        self = Baseline(tolerances: tolerances, traces: traces.filter { !names.contains($0.name) } + entries)
    }
}

extension Baseline {
    /// Writes what `policy` counts on `traces` into the baseline at `path`, which is made if it is not there. Other
    /// traces and the tolerances in it stay; `adding` joins these where it is not among them already.
    ///
    /// - Returns: how many traces were written.
    /// - Throws: `BaselineError` where the file is there and cannot be read, `PolicyUnusable`, and what the replay or
    ///   Foundation throws.
    public static func rewrite(
        _ path: String, _ traces: [CheckedTrace], policy: String, adding rules: [ToleranceRule], replay: ReplayFunction
    ) throws -> Int {
        var baseline = FileManager.default.fileExists(atPath: path) ? try Baseline(contentsOf: path) : Baseline()
        baseline.tolerances += rules.filter { !baseline.tolerances.contains($0) }
        baseline.update(try Check.entries(traces, policy: policy, replay: replay))
        try Data(baseline.text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        return traces.count
    }
}

/// Why a baseline cannot be used. One line that names the file and what to do.
public struct BaselineError: Error, Equatable, CustomStringConvertible {
    public var path: String
    public var line: Int?
    public var problem: String

    public var description: String {
        "\(path)\(line.map { ":\($0)" } ?? ""): \(problem)"
    }
}
