import Foundation
import Testing

@testable import Scenario

@Suite("Reading a scenario file")
struct ReadingTests {
    static let head = "processor: {model: skylake-sp, cores: 2}\nduration: 10ms\n"

    struct Bad: Sendable, CustomTestStringConvertible {
        var text: String
        var place: String
        var reason: String
        var testDescription: String { reason }
        init(_ text: String, _ place: String, _ reason: String) {
            self.text = text
            self.place = place
            self.reason = reason
        }
    }

    @Test(
        "what cannot be meant is named with file, line and column, in one line",
        arguments: [
            Bad("", "", "is empty"),
            Bad("- 1\n", ":1:1", "must be a mapping"),
            Bad("processor: {model: skylake-sp}\n", ":1:1", "lacks the key `duration`"),
            Bad(head + "durration: 1s\n", ":3:1", "unknown key `durration`"),
            Bad(head + "duration: 1s\n", ":2:1", "stands there twice"),
            Bad("processor: {model: pentium}\nduration: 1s\n", ":1:20", "write one of skylake-sp"),
            Bad("processor: {model: zen2, cores: 5000}\nduration: 1s\n", ":1:33", "must lie in 1...1024"),
            Bad("processor: {model: zen2}\nduration: 10\n", ":2:11", "a time with its unit"),
            Bad("processor: {model: zen2}\nduration: 25h\n", ":2:11", "a time with its unit"),
            Bad("processor: {model: zen2}\nduration: 0\n", ":2:11", "more than 0"),
            Bad(head + "nmi-watchdog: maybe\n", ":3:15", "write on or off"),
            Bad(head + "rates: {host: {cycels: 1G}}\n", ":3:16", "no event `cycels`"),
            Bad(head + "rates: {host: {cycles: fast}}\n", ":3:24", "write a number such as"),
            Bad(head + "rates: {host: [{from: 1ms, cycles: 1G}]}\n", ":3:15", "must begin at 0"),
            Bad(head + "events: [{name: a}]\n", ":3:10", "lacks the key `event`"),
            Bad(head + "events: [{name: a, event: cycles, cpus: 0-9}]\n", ":3:41", "no CPU 2"),
            Bad(head + "events: [{name: a, event: cycles, task: b}]\n", ":3:41", "no task `b`"),
            Bad(head + "events: [{name: a, event: cycles, group: b}]\n", ":3:42", "no event `b` before"),
            Bad(head + "events: [{name: nmi_watchdog, event: cycles}]\n", ":3:17", "the watchdog's own"),
            Bad(head + "vms: [{name: a, vcpus: [{}]}]\n", ":3:25", "where it runs"),
            Bad(head + "vms: [{name: a, vcpus: [{cpu: 2}]}]\n", ":3:31", "must lie in 0...1"),
            Bad(head + "vms: [{name: a, vcpus: []}]\n", ":3:7", "has no vCPU"),
            Bad(
                head + "vms: [{name: a, vcpus: [{cpu: 0, thread: 7}, {cpu: 1, thread: 7}]}]\n", ":3:63", "taken already"
            ),
            Bad(head + "vms: [{name: a, vcpus: [{cpu: 0, run: 1ms}]}]\n", ":3:39", "must be given together"),
            Bad(head + "vms: [{name: a, vcpus: [{cpu: 0, program: [{write: [1]}]}]}]\n", ":3:52", "[register, value]"),
            Bad(head + "vms: [{name: a, vcpus: [{cpu: 0, program: [{rdpmc: x9}]}]}]\n", ":3:52", "such as gp0"),
            Bad(
                head + "vms: [{name: a, vcpus: [{cpu: 0, program: {kind: dance}}]}]\n", ":3:50",
                "open-loop or perf-stat"),
            Bad(
                head + "vms: [{name: a, vcpus: [{cpu: 0, program: {kind: perf-stat, events: [cycles], steps: []}}]}]\n",
                ":3:86", "no place in a guest of kind perf-stat"),
            Bad("duration: [1\n", ":2:1", "no YAML"),
            Bad("duration: 1s\nseed: \u{7}\n", ":2:7", "no YAML"),
            Bad(head + "\"a\\nb\": 1\n", ":3:1", "unknown key `a b`"),
            Bad(String(repeating: "[", count: 1000), ":1:1", "nests too deeply"),
            Bad(head + "events: " + String(repeating: "- ", count: 1000), "", "no YAML"),
        ])
    func refused(_ bad: Bad) {
        let error = #expect(throws: ScenarioError.self) {
            try ScenarioReader.read(text: bad.text, file: "a/b.yaml")
        }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.hasPrefix("a/b.yaml" + bad.place))
        #expect(text.contains(bad.reason), "\(text)")
        #expect(!text.contains("\n"))
    }

    @Test("a file that is not there, too long or no text is refused by name")
    func files() throws {
        let missing = #expect(throws: ScenarioError.self) { try ScenarioReader.read(file: "/nowhere/x.yaml") }
        #expect("\(missing!)".hasPrefix("/nowhere/x.yaml: cannot be read"))
        for (content, reason) in [
            (Data(repeating: 0x20, count: 2 << 20), "at most"), (Data([0xff, 0xfe, 0x00]), "no UTF-8"),
        ] {
            let path = Files.temporary("scenario.yaml")
            defer { try? FileManager.default.removeItem(atPath: path) }
            try content.write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: ScenarioError.self) { try ScenarioReader.read(file: path) }
            #expect("\(error!)".contains(reason))
        }
    }

    @Test("times and counts are read as people write them")
    func quantities() {
        #expect(ScenarioQuantity.nanoseconds("250us") == 250_000)
        #expect(ScenarioQuantity.nanoseconds("1.5ms") == 1_500_000)
        #expect(ScenarioQuantity.nanoseconds("2m") == 120_000_000_000)
        #expect(ScenarioQuantity.nanoseconds("-1s") == nil)
        #expect(ScenarioQuantity.nanoseconds("99999999999999s") == nil)
        #expect(ScenarioQuantity.count("1.2G") == 1_200_000_000)
        #expect(ScenarioQuantity.count("0x10") == 16)
    }

    @Test("an alias bomb is refused or read, but not waited for")
    func aliases() {
        var text = ReadingTests.head + "tasks: []\nevents: &a0 []\n"
        text += "vms: [{name: a, program: &b0 [{wait: 1us}], vcpus: [{cpu: 0}]}]\n"
        #expect(throws: ScenarioError.self) {
            try ScenarioReader.read(text: text + "seed: *nothing\n", file: "x")
        }
    }
}
