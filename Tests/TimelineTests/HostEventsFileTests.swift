import Testing

@testable import Timeline

@Suite("Host events that a user supplies")
struct HostEventsFileTests {
    @Test("a list of events is read")
    func good() throws {
        let file = try HostEventsFile(
            yaml: "- {name: agent, event: cycles, pinned: true, exclude_guest: true, cpus: [0, 2], period: 1000}",
            file: "x")
        #expect(
            file.events == [
                .init(
                    name: "agent", event: "cycles", priority: .pinned, exclusion: .guest, pcpus: [0, 2],
                    samplePeriod: 1000)
            ])
    }

    @Test(
        "what is wrong is named with its line",
        arguments: [
            ("name: x", 1, "no list"), ("- {name: a, event: b, colour: red}", 1, "unknown key"),
            ("- {name: a}", 1, "lacks"), ("- {name: a, event: b,\n   cpus: [x]}", 2, "no CPU number"),
            ("- {name: a, event: b, pinned: maybe}", 1, "neither"),
        ])
    func bad(text: String, line: Int, reason: String) throws {
        let problem = #expect(throws: HostEventsFile.Problem.self) { try HostEventsFile(yaml: text, file: "h.yaml") }
        #expect(problem?.line == line)
        #expect(problem?.description.contains(reason) == true)
        #expect(problem?.description.hasPrefix("h.yaml:\(line): ") == true)
    }
}
