import Counts
import Testing

@testable import Bisect

@Suite("Baseline files")
struct BaselineTests {
    private var table: CountsTable {
        func key(_ owner: String, _ counter: String?, _ event: String, cpu: Int? = nil) -> SeriesKey {
            SeriesKey(owner: owner, pcpu: cpu, counter: counter, event: event)
        }
        let rows = [
            Series(
                key: key("guest:vm 0/0", "gp0", "cpu/event=0xc0,umask=0x1/"), reading: .exact(0), enabledNs: 10,
                runningNs: 1, silentNs: 9),
            Series(
                key: key("guest:vm 0/0", "gp1", "cycles"), reading: .bounded(5, 9, guess: 7), reason: "a \"reason\"",
                schedule: 0xfeed),
            Series(key: key("guest:vm 0/0", "gp2", "cycles"), reading: .bounded(nil, 9)),
            Series(key: key("guest:vm 0/0", "gp3", "cycles"), reading: .bounded(5, nil)),
            Series(key: key("guest:vm 0/0", "gp4", "="), reading: .unknown, reason: "=, !\n\\"),
            Series(key: key("host:on", nil, "cpu", cpu: 3), reading: .exact(.max), blindNs: 4),
        ]
        return CountsTable(
            policy: "my policy", start: 3, end: 17, series: rows,
            checkpoints: Checkpoints(
                times: [5, 17], counts: [0, 0, 3, 7, 0, 0, 0, 0, 0, 0, 1, .max],
                silentNs: [4, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
    }

    @Test("what is written is read back, and written again gives the same bytes")
    func roundTrip() throws {
        let baseline = Baseline(
            tolerances: [try ToleranceRule(parsing: "1%  owner=guest:vm0/*")],
            traces: [
                Baseline.Entry(name: "folder/b 10.vpt", content: "00ff", table: table),
                Baseline.Entry(name: "folder/b 9.vpt", content: "0100", table: table),
            ])
        let again = try Baseline(parsing: baseline.text)
        #expect(again == baseline)
        #expect(again.text == baseline.text)
        #expect(again.traces.map(\.name) == ["folder/b 9.vpt", "folder/b 10.vpt"])
    }

    @Test("a baseline reads as people expect")
    func readable() {
        let key = SeriesKey(owner: "guest:vm0/0", counter: "gp0", event: "instructions")
        let small = CountsTable(
            policy: "emulated", start: 0, end: 1_000_000_000,
            series: [Series(key: key, reading: .bounded(0, 5), reason: "no counter free", enabledNs: 8, silentNs: 8)])
        let text = Baseline(traces: [.init(name: "a.vpt", content: "1c0f", table: small)]).text
        #expect(
            text == """
                vpmu baseline 1

                trace a.vpt
                  from 1c0f policy emulated span 0..1000000000
                  guest:vm0/0 on gp0 instructions = 0..5, enabled 8, silent 8
                    ! "no counter free"

                """)
    }

    @Test(
        "a line that cannot be read is named by its number",
        arguments: [
            ("", 1), ("something else", 1), ("vpmu baseline 2", 1), ("vpmu baseline 1\ntolerance x", 2),
            ("vpmu baseline 1\nguest:a/0 cycles = 1", 2), ("vpmu baseline 1\ntrace a\ntrace a", 2),
            ("vpmu baseline 1\ntrace a\n  from 1 policy p span 9..3", 3),
            ("vpmu baseline 1\ntrace a\n  from 1 policy p span 1..3\n  o e = 5..2", 4),
            ("vpmu baseline 1\ntrace a\n  from 1 policy p span 1..3\n  o e = -5", 4),
            ("vpmu baseline 1\ntrace a\n  from 1 policy p span 1..3\n  o e = 5 6", 4),
            ("vpmu baseline 1\ntrace a\n  from 1 policy p span 1..3\n  o e = 5, idle 6", 4),
            ("vpmu baseline 1\ntrace a\n  from 1 policy p span 1..3\n  o \"e = 5", 4),
            ("vpmu baseline 1\ntrace a\n  from 1 policy p span 1..3\n    @ 1 2", 4),
            ("vpmu baseline 1\ntrace a\n  from 1 policy p span 1..3\n  o e = 5\n    @ 2 2\n    @ 1 2", 6),
            ("vpmu baseline 1\ntrace a\n  from 1 policy p span 1..3\n  o cpu 99999999999 e = 5", 4),
        ])
    func malformed(_ text: String, _ line: Int) {
        let error = #expect(throws: BaselineError.self) { try Baseline(parsing: text, path: "f") }
        #expect(error?.line == line)
        #expect(error?.description.hasPrefix("f:\(line): ") == true)
    }

    @Test("updating replaces traces of the same name and leaves the others and the tolerances")
    func update() throws {
        var baseline = Baseline(
            tolerances: [try ToleranceRule(parsing: "5")],
            traces: [.init(name: "a", content: "1", table: table), .init(name: "b", content: "2", table: table)])
        baseline.update([.init(name: "b", content: "3", table: table), .init(name: "c", content: "4", table: table)])
        #expect(baseline.traces.map(\.content) == ["1", "3", "4"])
        #expect(baseline.tolerances.map(\.text) == ["5"])
    }
}
