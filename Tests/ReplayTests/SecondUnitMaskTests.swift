import Counts
import PMU
import Scenario
import Testing

@testable import Replay
@testable import Timeline

@Suite("Events that Intel's second unit mask alone tells apart")
struct SecondUnitMaskTests {
    @Test("are two events: each has its own counts, exactly")
    func apart() throws {
        let text = """
            name: umask2
            processor: {model: lion-cove, sockets: 1, cores: 1, smt: 1}
            duration: 20ms
            nmi-watchdog: off
            rates: {host: {"event=0x77,umask=0x101": 3M, "event=0x77,umask=0x1": 5M, "event=0x77,umask=0x201": 7M}}
            events:
              - {name: a, event: "event=0x77,umask=0x1", cpus: "0", from: 1ms, to: 11ms}
              - {name: b, event: "event=0x77,umask=0x101", cpus: "0", from: 2ms, to: 12ms}
              - {name: c, event: "event=0x77,umask=0x201", cpus: "0", from: 3ms, to: 13ms}
            """
        let recording = try Recording(ScenarioReader.read(text: text, file: "umask2"), .emulated)
        let table = Replayer.replay(recording.timeline, under: .emulated)
        #expect(
            table.series.map { [$0.key.event, "\($0.reading)"] }.sorted { $0[0] < $1[0] } == [
                ["r0177", "\(Reading.exact(50_000))"], ["r10000000177", "\(Reading.exact(30_000))"],
                ["r20000000177", "\(Reading.exact(70_000))"],
            ])
    }
}
