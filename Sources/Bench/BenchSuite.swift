/// What can be measured.
public enum BenchSection: String, CaseIterable, Sendable {
    case size, decode, diff
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

    /// - Parameter progress: is told the name of each section before it runs.
    public func run(_ sections: [BenchSection], progress: (String) -> Void) throws -> BenchOutcome {
        var outcome = BenchOutcome()
        for section in sections {
            progress(section.rawValue)
            switch section {
            case .size: try SizeBench(effort: effort).run(into: &outcome)
            case .decode: try DecodeBench(effort: effort).run(into: &outcome)
            case .diff: try DiffBench(effort: effort, executable: executable).run(into: &outcome)
            }
        }
        return outcome
    }
}
