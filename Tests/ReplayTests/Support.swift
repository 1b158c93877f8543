import Foundation
import Policy
import PolicyFile
import Scenario
import Timeline
import Trace

/// A scenario's trace, its timeline and its truth under a policy.
struct Recording {
    var trace: TraceBuffer
    var truth: Truth

    init(_ scenario: Scenario, _ rules: PolicyRules) throws {
        let synth = Synth(scenario, rules: rules)
        var buffer = TraceBuffer(metadata: synth.metadata(tool: "test"))
        truth = try synth.run(into: &buffer)
        trace = buffer
    }

    var timeline: Timeline { Timeline(trace) }
}

enum Files {
    static let traces = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Traces")

    static func scenario(_ name: String) throws -> Scenario {
        try ScenarioReader.read(file: traces.appendingPathComponent("\(name).yaml").path)
    }

    static func trace(_ name: String) throws -> TraceReader {
        try TraceReader(path: traces.appendingPathComponent("\(name).vpt").path)
    }

    /// The committed policy files.
    static func policies() throws -> [PolicyRules] {
        let folder = traces.appendingPathComponent("policies")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        return try files.map {
            try PolicyFile.decode(String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8), file: $0)
        }
    }

    /// Every committed trace, by name.
    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: traces.path)) ?? []
        return files.filter { $0.hasSuffix(".vpt") }.map { String($0.dropLast(4)) }.sorted()
    }()
}
