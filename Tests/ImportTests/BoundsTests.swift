import Testing

@testable import Import
@testable import Trace

/// What an input claims costs bounded memory, and sums of what it claims do not wrap.
@Suite("bounds of an import")
struct BoundsTests {
    @Test("names of threads beyond the limit are left out, and that is counted")
    func names() {
        var names = ThreadNames()
        for number in 0..<1 << 18 { _ = names.index("n\(number)") }
        #expect(names.remark == nil)
        #expect(names.index("one more") == ThreadNames.none)
        #expect(names.index("n7") == 7)
        #expect(names.index("and another") == ThreadNames.none)
        #expect(names.unnamed == 2)
        #expect(names.remark?.contains("2 times") == true)
    }

    @Test("a name of any length is cut to one that a name may have")
    func longName() throws {
        let name = String(repeating: "n", count: 60_000)
        let body = "prev_comm=\(name) prev_pid=5 prev_prio=120 prev_state=S ==> next_comm=b next_pid=6 next_prio=120"
        let found = try Imported(text: "a-5 [001] d... 1.0: sched_switch: \(body)\n")
        #expect(found.comm(try #require(found.events.first).prevComm)?.utf8.count == 256)
    }

    @Test("a row that turns out not to belong to the one before leaves no name behind")
    func rejectedJoin() throws {
        let row = "a-5 [001] d... 1.0: sched_switch: prev_comm=a prev_pid=5 prev_prio=120 prev_state=S ==> "
        let text =
            row + "next_comm=b next_pid=6 next_prio=120\nnot a row of any tracer\n" + row + "\n"
            + "next_comm=c next_pid=6 next_prio=120 x ==> next_comm=evil next_pid=6 next_prio=zz\n"
        let found = try Imported(text: text)
        #expect(!found.trace.comms.contains { $0.contains("evil") })
    }

    @Test("losses beyond the limit become one a CPU, and their time is covered")
    func losses() {
        var ledger = LossLedger()
        for time in 0..<(1 << 18) + 10 as Range<UInt64> {
            ledger.take(LostRecords(pcpu: UInt16(time % 2), kind: nil, count: 1, earliest: time, latest: time + 1))
        }
        #expect(ledger.counted == (1 << 18) + 10)
        var handed: [LostRecords] = []
        ledger.handAll { handed.append($0) }
        #expect(handed.count == (1 << 18) + 2)
        #expect(
            handed.suffix(2) == [
                LostRecords(pcpu: 0, kind: nil, count: 5, earliest: 1 << 18, latest: (1 << 18) + 9),
                LostRecords(pcpu: 1, kind: nil, count: 5, earliest: (1 << 18) + 1, latest: (1 << 18) + 10),
            ])
        #expect(ledger.remark != nil)
    }

    @Test("losses that no CPU is named for are one for each CPU, however many places tell of them")
    func unplaced() throws {
        var perf = PerfDataBuilder()
        for cpu in 0..<2 as Range<UInt32> { perf.sample(Tracepoints.writeMSR(0x38f, 1), time: 5, cpu: cpu) }
        for _ in 0..<9 { perf.records.append(PerfDataBuilder.record(2, bytes(UInt64(1), 3))) }
        let found = try Imported(perf.file())
        #expect(found.summary.lost == 27)
        #expect(found.trace.lost.map(\.pcpu) == [0, 1])
    }

    @Test("counts of losses that add up to more than a number holds are the largest number, not a small one")
    func saturation() throws {
        var perf = PerfDataBuilder()
        perf.idIndex()
        perf.sample(Tracepoints.writeMSR(0x38f, 1), time: 5)
        for time in [10, 20] as [UInt64] { perf.lost(.max, time: time, cpu: 0) }
        for id in [1, 1, 3] as [UInt64] { perf.lostSamples(.max, id: id) }
        #expect(try Imported(perf.file()).summary.lost == .max)

        let lost = "CPU:1 [LOST 18446744073709551615 EVENTS]\n"
        let found = try Imported(text: lost + lost + "a-5 [001] d... 1.0: write_msr: 38f, value 1\n")
        #expect(found.trace.lost.map(\.count) == [.max])
        #expect(found.summary.lost == .max)
    }

    @Test("the trace's own sum of losses is the largest number too, and said to be a lower bound")
    func traceInfo() {
        let lost = (0..<2).map { LostRecords(pcpu: $0, kind: nil, count: .max - 1, earliest: 0, latest: 1) }
        let info = TraceInfo.Lost(lost, granularity: .ring)
        #expect(info.total == .max)
        #expect(info.isLowerBound)
    }
}

@Suite("text in which nothing is understood")
struct NothingUnderstoodTests {
    @Test(
        "text of no tracer is refused",
        arguments: [
            "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n", "\n\n",
            "# a comment\nkey = value\nversion = \"1.0\"\n", "main.c:12: error: no such thing\n15 minutes of fame\n",
            "Nov 30 18:19:17 host kernel: [   12.345678] usb 1-1: new device\n", "see PERF_RECORD_LOST and kvm_msr\n",
        ])
    func refused(_ text: String) {
        #expect {
            try Imported(text: text)
        } throws: { error in
            guard case .nothingUnderstood(path: "test", lines: let lines)? = error as? ImportError else { return false }
            return lines == text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
        }
    }

    @Test(
        "a recording without an event of ours is none the less one",
        arguments: [
            "# tracer: nop\n#\n# entries-in-buffer/entries-written: 0/0   #P:2\n#\n", "cpus=2\n",
            "CPU 0 is empty\ncpus=2\n",
            "# ========\n# captured on    : Mon Nov 30 18:00:00 2026\n# hostname : host\n",
            "    a  5 [001]  1.0: sched:sched_wakeup: comm=b pid=6 prio=120 target_cpu=001\n",
            "sched:sched_wakeup: comm=b pid=6 prio=120 target_cpu=001\n", "    a  5 [001]  1.0:  1000 cycles:u: ffff\n",
            "15822 msr_write, MSR_CORE_PERF_GLOBAL_CTRL\n", "CPU:1 [LOST 12 EVENTS]\n",
            "a 5 [001] 1182.8: 830, value fb\n",
        ])
    func taken(_ text: String) throws {
        let found = try Imported(text: text)
        #expect(found.summary.takenTotal == 0)
        #expect(found.summary.damage == [])
    }
}
