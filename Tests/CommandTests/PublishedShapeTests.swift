import Foundation
import TestSupport
import Testing

@Suite("Machine-readable output")
struct PublishedShapeTests {
    private func schema(_ name: String) throws -> JSONSchema { try .published(name) }

    struct Shape: Sendable, CustomStringConvertible {
        var schema: String
        var arguments: [String]
        /// Whether each line is a value of its own.
        var lines = false
        var status: Int32 = 0
        var description: String { arguments.joined(separator: " ") }
    }

    static let traces = SharedData.package.appendingPathComponent("Traces").path
    static let shapes: [Shape] = [
        Shape(schema: "Trace/Schema/info", arguments: ["info", "real-guest.vpt", "--json"]),
        Shape(schema: "Trace/Schema/info", arguments: ["info", "guest-perf-record-intel.vpt", "--json"]),
        Shape(schema: "Trace/Schema/dump", arguments: ["dump", "real-guest.vpt", "--json"], lines: true),
        Shape(schema: "Trace/Schema/dump", arguments: ["dump", "error-cascade.vpt", "--json"], lines: true),
        Shape(
            schema: "Report/Schema/decisions", arguments: ["dump", "agent-starves-guest.vpt", "--decisions", "--json"],
            lines: true),
        Shape(
            schema: "Report/Schema/decisions", arguments: ["dump", "error-cascade.vpt", "--decisions", "--json"],
            lines: true),
        Shape(
            schema: "Report/Schema/decisions",
            arguments: ["replay", "error-cascade.vpt", "--policy", "mediated", "--decisions", "--json"], lines: true),
        Shape(schema: "Trace/Schema/verify", arguments: ["verify", "real-guest.vpt", "--json"]),
        Shape(
            schema: "Counts/Schema/counts",
            arguments: ["replay", "agent-starves-guest.vpt", "--policy", "mediated", "--json"]),
        Shape(schema: "Counts/Schema/counts", arguments: ["compare", "error-cascade.vpt", "--json"]),
        Shape(
            schema: "Report/Schema/compare",
            arguments: ["compare", "agent-starves-guest.vpt", "error-cascade.vpt", "--worst", "3", "--json"]),
        Shape(schema: "Plan/Schema/plan", arguments: ["plan", "agent-starves-guest.vpt", "--json"]),
        Shape(
            schema: "Bisect/Schema/explain",
            arguments: ["explain", "agent-starves-guest.vpt", "--policy", "mediated", "--json"],
            status: 1),
        Shape(
            schema: "Bisect/Schema/explain", arguments: ["explain", "error-cascade.vpt", "--policy", "fair", "--json"],
            status: 1),
        Shape(
            schema: "Bisect/Schema/explain",
            arguments: ["explain", "error-cascade.vpt", "--policy", "emulated", "--json"]),
        Shape(
            schema: "Bisect/Schema/bisect",
            arguments: ["bisect", "agent-starves-guest.vpt", "--policy", "mediated", "--against", "emulated", "--json"]),
        Shape(
            schema: "Bisect/Schema/bisect",
            arguments: ["bisect", "error-cascade.vpt", "--policy", "emulated", "--against", "emulated", "--json"],
            status: 1),
        Shape(
            schema: "Bisect/Schema/bisect",
            arguments: [
                "bisect", "error-cascade.vpt", "--policy", "mediated", "--against", "emulated", "--over", "knobs",
                "--json",
            ]),
        Shape(schema: "Replay/Schema/self", arguments: ["replay", "error-cascade.vpt", "--self", "--json"]),
        Shape(schema: "PolicyFile/Schema/policies", arguments: ["policies", "list", "--json"]),
    ]

    @Test("obeys its published schema", arguments: shapes)
    func obeys(shape: Shape) throws {
        let outcome = try Shell.run(Executable.url.path, shape.arguments, in: Self.traces)
        #expect(outcome.status == shape.status, "\(outcome.errors)")
        let schema = try schema(shape.schema)
        let values = shape.lines ? outcome.output.split(separator: "\n").map(String.init) : [outcome.output]
        #expect(!values.isEmpty)
        for value in values {
            let wrong = try schema.violations(value)
            #expect(wrong == [])
            if !wrong.isEmpty { return }
        }
    }

    @Test("of an import obeys its published schema, whatever the input was")
    func imports() throws {
        let directory = try TemporaryDirectory()
        let row = "CPU 0/KVM 90/101 [001]  1.0: kvm:kvm_msr: msr_write 186 = 0x0\n"
        let odd = "a 5 [001]  1.0: sched:sched_wakeup: comm=b\nnonsense\nCPU:1 [LOST 12 EVENTS]\na\u{0}b\n"
        let inputs = [row, String(repeating: row, count: 100) + odd]
        for input in inputs {
            try Data(input.utf8).write(to: URL(fileURLWithPath: directory.path("in")))
            let outcome = try Executable.run([
                "import", directory.path("in"), "-o", directory.path("out"), "--force", "--json",
            ])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try schema("Import/Schema/import").violations(outcome.output) == [])
        }
    }

    @Test("of doctor obeys its published schema, whether or not this host can record")
    func doctor() throws {
        let outcome = try Executable.run(["doctor", "--json"])
        #expect([0, 1].contains(outcome.status))
        #expect(try schema("Capture/Schema/doctor").violations(outcome.output) == [])
    }

    @Test("of another shape is told from the published one")
    func differs() throws {
        let line = #"{"t":1,"event":2,"pcpu":0,"counter":"gp0","holder":null,"config":"0x0","certainty":"seen"}"#
        let schema = try schema("Report/Schema/decisions")
        #expect(try schema.violations(line) == [])
        for (part, other) in [
            ("\"seen\"", "\"sure\""), ("\"t\":1", "\"t\":\"1\""), ("\"holder\":null,", ""), ("0,\"c", "true,\"c"),
        ] {
            #expect(try schema.violations(line.replacingOccurrences(of: part, with: other)) != [], "\(other)")
        }
        let entry = #"{"t":1,"pcpu":0,"pid":1,"event":"kvm_entry","flags":0,"vcpu":0,"rip":0}"#
        #expect(try self.schema("Trace/Schema/dump").violations(entry) != [])
    }
}
