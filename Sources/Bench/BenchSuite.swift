/// What can be measured.
public enum BenchSection: String, CaseIterable, Sendable {
    case start, record, size, decode, replay, scale, diff
}

/// Runs sections one after the other.
public struct BenchSuite: Sendable {
    public var effort: BenchEffort
    /// The vpmu that is timed as a whole process.
    public var executable: String

    public init(effort: BenchEffort, executable: String) {
        self.effort = effort
        self.executable = executable
    }

    /// Writes a synthetic trace of `events` events or somewhat more to standard output: `pattern` of them, repeated.
    public static func generate(_ events: Int, pattern: Int, pcpus: Int) throws {
        try ScaleBench.generate(events, pattern: pattern, pcpus: pcpus, to: "-")
    }

    /// - Parameter progress: is told the name of each section before it runs.
    public func run(_ sections: [BenchSection], progress: (String) -> Void) throws -> BenchOutcome {
        var outcome = BenchOutcome()
        var capture: GuestCapture?
        if !Set(sections).isDisjoint(with: [.size, .decode, .replay]) {
            progress("a real guest under perf and vpmu")
            do {
                capture = try GuestCapture(
                    executable: executable, accesses: effort.capturedAccesses ?? effort.guestAccesses)
            } catch let error as BenchError {
                outcome.skipped.append(BenchSkip(name: "figures of a captured guest", why: error.description))
            }
        }
        for section in sections {
            progress(section.rawValue)
            switch section {
            case .start: try StartBench(effort: effort, executable: executable).run(into: &outcome)
            case .record: try RecordBench(effort: effort, executable: executable).run(into: &outcome)
            case .size: try SizeBench(effort: effort, capture: capture).run(into: &outcome)
            case .decode:
                try DecodeBench(effort: effort, capture: capture).run(into: &outcome)
                try LargeTraceBench(effort: effort, executable: executable).run(into: &outcome)
            case .replay: try ReplayBench(effort: effort, executable: executable, capture: capture).run(into: &outcome)
            case .scale: try ScaleBench(effort: effort, executable: executable).run(into: &outcome)
            case .diff: try DiffBench(effort: effort, executable: executable).run(into: &outcome)
            }
        }
        return outcome
    }
}
