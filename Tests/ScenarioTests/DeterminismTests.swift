import Foundation
import Policy
import Testing
import Trace

@testable import Scenario

@Suite("The same scenario gives the same bytes")
struct DeterminismTests {
    static let committed: [String] =
        (try? FileManager.default.contentsOfDirectory(atPath: Files.traces.path))?
        .filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted() ?? []

    @Test("each trace in Traces is what its scenario makes", arguments: committed)
    func committedTraces(name: String) throws {
        let trace = Files.traces.appendingPathComponent(name + ".vpt").path
        let tool = try TraceReader(path: trace).metadata.tool
        let synth = Synth(
            try ScenarioReader.read(file: Files.traces.appendingPathComponent(name + ".yaml").path), rules: .emulated)
        let path = Files.temporary(name + ".vpt")
        defer { try? FileManager.default.removeItem(atPath: path) }
        var writer = try TraceWriter(path: path, metadata: synth.metadata(tool: tool))
        _ = try synth.run(into: &writer)
        try writer.finish()
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(contentsOf: URL(fileURLWithPath: trace)))
    }

    @Test("there are the three scenarios the project is about")
    func present() {
        #expect(
            Set(DeterminismTests.committed).isSuperset(of: [
                "agent-starves-guest", "error-cascade", "guest-perf-record-intel",
            ]))
    }

    @Test("another seed moves what is left to chance, and nothing where nothing is")
    func seeds() throws {
        let jittered = """
            processor: {model: zen2}
            duration: 50ms
            vms: [{name: vm, vcpus: [{cpu: 0, run: 3ms, sleep: 1ms, jitter: 30}]}]
            """
        var scenario = try ScenarioReader.read(text: jittered, file: "x")
        let first = try Played(scenario)
        scenario.seed = 2
        #expect(try Played(scenario).events != first.events)
        var fixed = try ScenarioReader.read(
            text: jittered.replacingOccurrences(of: ", jitter: 30", with: ""), file: "x")
        let still = try Played(fixed)
        fixed.seed = 2
        #expect(try Played(fixed).events == still.events)
    }

    @Test("the generator gives many kinds of scenario, the same for the same seed")
    func generator() {
        let scenarios = (0..<60).map { ScenarioGenerator.scenario(seed: $0) }
        #expect(scenarios[7] == ScenarioGenerator.scenario(seed: 7))
        #expect(Set(scenarios.map(\.model.name)).isSuperset(of: ScenarioGenerator.models.map(\.name)))
        #expect(scenarios.contains { $0.watchdog == nil } && scenarios.contains { $0.watchdog != nil })
        #expect(scenarios.contains { $0.vms.count > 1 })
    }

    @Test(
        "a generated scenario plays under every policy without a refusal of nonsense",
        arguments: 0..<40 as Range<UInt64>)
    func generated(seed: UInt64) throws {
        for rules in [PolicyRules.emulated, .mediated, .none] {
            let scenario = ScenarioGenerator.scenario(seed: seed)
            let played = try Played(scenario, rules)
            // What a filter keeps from a guest is silent under every policy.
            let isFiltered = scenario.vms.contains { $0.filter != nil }
            for series in played.truth.series where series.owner.hasPrefix("guest:") {
                #expect(series.runningNs <= series.enabledNs)
                #expect(series.silentNs == series.enabledNs - series.runningNs)
                if rules.guests == .mediated, !isFiltered { #expect(series.silentNs == 0) }
            }
        }
    }
}
