import Foundation
import Policy
import Trace

@testable import Scenario

/// A scenario's records and truth under a policy.
struct Played {
    var events: [TraceEvent]
    var truth: Truth

    init(_ text: String, _ rules: PolicyRules = .emulated) throws {
        try self.init(ScenarioReader.read(text: text, file: "test.yaml"), rules)
    }

    init(_ scenario: Scenario, _ rules: PolicyRules = .emulated) throws {
        let synth = Synth(scenario, rules: rules)
        var buffer = TraceBuffer(metadata: synth.metadata(tool: "test"))
        truth = try synth.run(into: &buffer)
        events = buffer.events
    }

    func series(_ owner: String, counter: String? = nil, pcpu: Int? = nil) -> Truth.Series? {
        truth.series.first {
            $0.owner == owner && (counter == nil || $0.counter == counter) && (pcpu == nil || $0.pcpu == pcpu)
        }
    }
}

enum Files {
    static let traces = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Traces")

    static func temporary(_ name: String) -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("vpmu-\(UUID().uuidString)-\(name)").path
    }
}
