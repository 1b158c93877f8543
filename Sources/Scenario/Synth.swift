import Host
import Policy
import Trace

/// Makes the trace that a recorder would have taken on a scenario's host under a policy, and the true counts.
public struct Synth {
    public let scenario: Scenario
    public let rules: PolicyRules

    public init(_ scenario: Scenario, rules: PolicyRules) {
        self.scenario = scenario
        self.rules = rules
    }

    /// The head of the trace.
    ///
    /// - Parameter tool: the program and its version.
    public func metadata(tool: String) -> TraceMetadata {
        SynthMetadata.make(scenario, policy: rules.name, tool: tool)
    }

    /// Plays the scenario and appends every record to `sink`, each pCPU's in rising time.
    ///
    /// The same scenario, seed and policy give the same records and the same truth.
    ///
    /// - Parameter progress: called now and then with the simulated time, ns.
    /// - Throws: what the sink throws.
    public func run<Sink: TraceSink>(
        into sink: inout Sink, progress: (UInt64) -> Void = { _ in }
    ) throws -> Truth {
        var simulation = try Simulation(scenario, rules: rules)
        try simulation.run(into: &sink, progress: progress)
        return simulation.makeTruth(policy: rules.name)
    }
}
