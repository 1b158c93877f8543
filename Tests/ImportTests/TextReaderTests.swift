import Testing
import Trace

@testable import Import

@Suite("text of tracers")
struct TextReaderTests {
    private func event(_ row: String) throws -> TraceEvent {
        let found = try Imported(text: row + "\n")
        return try #require(found.events.first, "\(found.summary.notUnderstood)")
    }

    @Test(
        "guest accesses in every wording",
        arguments: [
            ("msr_write 186 = 0x5300c0", true, 0x186, 0x5300c0, false),
            ("msr_read c0000080 = 0xd01", false, 0xc000_0080, 0xd01, false),
            ("msr_read 1a6 = 0x0 (#GP)", false, 0x1a6, 0, true),
            ("msr_write MSR_P6_EVNTSEL0(186) = 0x5300c0", true, 0x186, 0x5300c0, false),
            ("write=1 ecx=186 data=5300c0 exception=0", true, 0x186, 0x5300c0, false),
            ("write=0x0 (0) ecx=0x38f (911) data=0xff (255) exception=(1)", false, 0x38f, 0xff, true),
            ("msr_write 186 = 0x5300c0 ffffffff812a1b74 emulator_set_msr_with_filter", true, 0x186, 0x5300c0, false),
            ("msr_write 6e0 = 0xffffffffffffffff", true, 0x6e0, .max, false),
        ] as [(String, Bool, UInt32, UInt64, Bool)])
    func guest(_ body: String, _ write: Bool, _ register: UInt32, _ data: UInt64, _ fault: Bool) throws {
        let expected = TraceEvent.kvmMSR(
            time: 1_000_000_000, pcpu: 1, pid: 5, write: write, register: register, data: data, exception: fault)
        #expect(try event("a-5 [001] ..... 1.0: kvm_msr: \(body)") == expected)
    }

    @Test(
        "host accesses in every wording",
        arguments: [
            ("write_msr: 38f, value 70000000f", .writeMSR, 0x38f, 0x7_0000_000f, false),
            ("read_msr: 1d9, value 0 #GP", .readMSR, 0x1d9, 0, true),
            ("rdpmc: 40000001, value 80001582b676", .rdpmc, 0x4000_0001, 0x8000_1582_b676, false),
            ("write_msr: MSR_IA32_PMC0(4c1), value 800000000001", .writeMSR, 0x4c1, 0x8000_0000_0001, false),
            ("write_msr: msr=830 val=1000000fd failed=0", .writeMSR, 0x830, 0x1_0000_00fd, false),
        ] as [(String, EventKind, UInt32, UInt64, Bool)])
    func host(_ text: String, _ kind: EventKind, _ register: UInt32, _ value: UInt64, _ failed: Bool) throws {
        let expected = TraceEvent.host(
            kind, time: 1_000_000_000, pcpu: 1, pid: 5, register: register, value: value, failed: failed)
        #expect(try event("a-5 [001] ..... 1.0: \(text)") == expected)
    }

    @Test(
        "entries of all kernels",
        arguments: [
            ("vcpu 3", 3, 0, 0, 0), ("vcpu 1, rip 0xffffffff8100007d", 1, 0xffff_ffff_8100_007d, 0, 0),
            ("vcpu 0, rip 0x10 intr_info 0x800000fb error_code 0x0000000a", 0, 0x10, 0xa_8000_00fb, 0),
            ("vcpu 0, rip 0x10 intr_info 0x00000000 error_code 0x00000000[immediate exit]", 0, 0x10, 0, 1),
        ] as [(String, UInt32, UInt64, UInt64, UInt32)])
    func entries(_ body: String, _ vcpu: UInt32, _ rip: UInt64, _ info: UInt64, _ immediate: UInt32) throws {
        let found = try event("a-5 [001] d.... 1.0: kvm_entry: \(body)")
        #expect([found.vcpuID, found.b] == [vcpu, immediate])
        #expect([found.value, found.value2] == [rip, info])
    }

    @Test(
        "exits of all kernels and of trace-cmd's plugin",
        arguments: [
            (
                "vcpu 0 reason MSR_WRITE rip 0x10 info1 0x0000000000000001 info2 0x0000000000000002 intr_info 0x00000000 error_code 0x00000000",
                0, 32, 1, 1, 2
            ),
            (
                "vcpu 2 reason msr rip 0x10 info1 0x1 info2 0x2 intr_info 0x0 error_code 0x0 requests 0x0", 2, 0x7c, 2,
                1, 2
            ),
            ("reason EXTERNAL_INTERRUPT rip 0x10 info 0 800000fb", TraceEvent.unknownVCPU, 1, 1, 0, 0x8000_00fb),
            ("reason EXIT_MSR rip 0x10 info 1 0 vcpu 4", 4, 0x7c, 2, 1, 0),
            ("vcpu 0 reason DE excp rip 0x10 info1 0x0 info2 0x0", 0, 0x40, 2, 0, 0),
            ("vcpu 0 reason INVALID_STATE FAILED_VMENTRY rip 0x10 info1 0x0 info2 0x0", 0, 0x8000_0021, 1, 0, 0),
            ("vcpu 0 reason 0x1f rip 0x10 info1 0x0 info2 0x0", 0, 0x1f, 0, 0, 0),
            ("exit_reason=20 guest_rip=0x10 isa=1 info1=1 info2=2 vcpu_id=3", 3, 0x20, 1, 1, 2),
        ] as [(String, UInt32, UInt32, UInt8, UInt64, UInt64)])
    func exits(_ body: String, _ vcpu: UInt32, _ reason: UInt32, _ isa: UInt8, _ info1: UInt64, _ info2: UInt64) throws
    {
        let found = try event("a-5 [001] d.... 1.0: kvm_exit: \(body)")
        #expect([found.vcpuID, found.exitReason] == [vcpu, reason])
        #expect(found.isa == isa)
        #expect([found.value, found.value2, found.value3] == [0x10, info1, info2])
    }

    @Test(
        "task switches in the kernel's words, raw, and in trace-cmd's",
        arguments: [
            (
                "prev_comm=CPU 0/KVM prev_pid=2 prev_prio=120 prev_state=R+ ==> next_comm=swapper/2 next_pid=0 next_prio=120",
                "CPU 0/KVM", 0x100
            ),
            (
                "prev_comm=a prev_pid=9 prev_pid=2 prev_prio=120 prev_state=D|K ==> next_comm=swapper/2 next_pid=0 next_prio=120",
                "a prev_pid=9", 2
            ),
            (
                "prev_comm=x ==> y prev_pid=2 prev_prio=120 prev_state=I ==> next_comm=swapper/2 next_pid=0 next_prio=120",
                "x ==> y", 0x80
            ),
            ("kworker/1:2:2 [120] W ==> swapper/2:0 [120]", "kworker/1:2", 0x80),
            (
                "prev_comm=a prev_pid=2 prev_prio=120 prev_state=256 next_comm=swapper/2 next_pid=0 next_prio=120", "a",
                256
            ),
            (
                "prev_comm=a prev_pid=0x2 (2) prev_prio=0x78 (120) prev_state=0x80 (128) next_comm=swapper/2 next_pid=0x0 (0) next_prio=0x78 (120)",
                "a", 0x80
            ),
        ] as [(String, String, UInt64)])
    func switches(_ body: String, _ prev: String, _ state: UInt64) throws {
        let found = try Imported(text: "a-2 [002] d..2. 1.0: sched_switch: \(body)\n")
        let event = try #require(found.events.first)
        #expect(found.comm(event.prevComm) == prev)
        #expect(found.comm(event.nextComm) == "swapper/2")
        #expect([event.pid, event.nextPID] == [2, 0])
        #expect([event.prevPrio, event.nextPrio] == [120, 120])
        #expect(event.value == state)
    }

    @Test("rows that a mailer wrapped are put together, wherever it broke them")
    func wrapped() throws {
        let text = """
            > <...>-59160 [027] d.h. 1.000001: write_msr:\u{20}
            > MSR_CORE_PERF_GLOBAL_CTRL(38f), value 0
              a-5 [027] d... 1.000002: rdpmc: 0, value
            fffffff82840                             //Read value of the counter
              a-5 [027] d... 1.000003: write_msr:
            MSR_CORE_PERF_GLOBAL_CTRL(38f), value 1000f000000ff  //Re-enable global
            counter
              a-5   [027] ..... 1.000004: kvm_msr: msr_read 1a6 = 0x0
            (#GP)
              a-5   [027] d..2.
              1.000005: sched_switch: prev_comm=a prev_pid=5 prev_prio=120
            prev_state=S ==> next_comm=b next_pid=6
            next_prio=120
            """
        let found = try Imported(text: text + "\n")
        #expect(found.summary.takenTotal == 5)
        #expect(found.events.map(\.value) == [0, 0xffff_fff8_2840, 0x1_000f_0000_00ff, 0, 1])
        #expect(found.events[3].raisedException)
        #expect(found.events[4].pcpu == 27)
        #expect(found.summary.notUnderstood == [.init(name: "other lines", records: 1)])
    }

    @Test("call chains, stack traces, histograms and headers are named, not taken")
    func others() throws {
        let text = """
            cpus=2
            # tracer: nop
            a-5 [000] ..... 1.0: kvm_pio: pio_write at 0x80
            a-5 [000] ..... 1.0: write_msr: 38f, value 0
            a-5 [000] ..... 1.0: <stack trace>
             => native_write_msr
            \tffffffff812a1b74 emulator_set_msr+0x4 ([kernel.kallsyms])
              15822 msr_write, MSR_CORE_PERF_GLOBAL_CTRL
            """
        let found = try Imported(text: text + "\n")
        #expect(found.summary.takenTotal == 1)
        #expect(found.summary.others == [.init(name: "kvm_pio", records: 1)])
        #expect(found.summary.notUnderstood.map(\.name).contains("rows of a histogram, which have no times"))
        #expect(found.summary.notUnderstood.contains(.init(name: "lines of call chains", records: 2)))
    }

    @Test(
        "what a tracer lost is carried over with the times around it",
        arguments: [
            ("CPU:1 [LOST 12 EVENTS]", 12), ("CPU:1 [LOST EVENTS]", nil), ("CPU:1 [12 EVENTS DROPPED]", 12),
            ("CPU:1 [EVENTS DROPPED]", nil),
        ] as [(String, UInt64?)])
    func lost(_ line: String, _ count: UInt64?) throws {
        let found = try Imported(
            text:
                "a-5 [001] ..... 1.0: write_msr: 38f, value 0\n\(line)\na-5 [001] ..... 2.0: write_msr: 38f, value 0\n")
        #expect(
            found.trace.lost == [
                LostRecords(pcpu: 1, kind: nil, count: count, earliest: 1_000_000_000, latest: 2_000_000_000)
            ])
        #expect(found.summary.takenTotal == 2)
    }

    @Test("ftrace's rows without context are taken in their order, and other events of theirs are named")
    func withoutContext() throws {
        let text = """
            # tracer: nop
            #
            write_msr: 830, value 1000000fb
            sched_waking: comm=a pid=1 prio=120 target_cpu=000
            kvm_msr: msr_write c0010200 = 0x530076 (#GP)
            kvm_msr: msr_read 10 = 0x1

            """
        let found = try Imported(text: text)
        #expect(found.events.map(\.kind) == [.writeMSR, .kvmMSR, .kvmMSR])
        #expect(found.events.map(\.time) == [1, 2, 3])
        #expect(found.events[1].raisedException)
        #expect(found.summary.others == [.init(name: "sched_waking", records: 1)])
        #expect(found.summary.notes.contains { $0.hasPrefix("3 rows have no time") })
    }

    @Test("perf script --show-lost-events is carried over")
    func lostOfPerf() throws {
        let found = try Imported(
            text: "a 5 [001] 1.0: msr:write_msr: 38f, value 0\na 5 [001]  2.000000: PERF_RECORD_LOST lost 782\n")
        #expect(
            found.trace.lost == [
                LostRecords(pcpu: 1, kind: nil, count: 782, earliest: 1_000_000_000, latest: 2_000_000_000)
            ])
    }

    @Test("records overwritten before the text was taken are counted")
    func overwritten() throws {
        let found = try Imported(
            text: "# entries-in-buffer/entries-written: 1/819   #P:24\na-5 [002] d... 1.0: write_msr: 38f, value 0\n")
        #expect(found.summary.lost == 818)
        #expect(found.trace.lost.map(\.count) == [818])
        #expect(found.trace.lost.map(\.latest) == [1_000_000_000])
    }

    @Test("a text of several recordings is sorted, and that is said")
    func backwards() throws {
        let found = try Imported(
            text: "a-5 [000] d... 9.0: write_msr: 38f, value 1\na-5 [000] d... 1.0: write_msr: 38f, value 2\n")
        #expect(found.events.map(\.value) == [2, 1])
        #expect(found.summary.notes.contains { $0.hasPrefix("times go back at 1 rows") })
    }

    @Test("a last line without its end is taken and pointed out")
    func unterminated() throws {
        let found = try Imported(text: "a-5 [000] d... 9.0: write_msr: 38f, value 1")
        #expect(found.summary.takenTotal == 1)
        #expect(found.summary.notes == ["the last line, at byte 0, has no line end: it may be cut off"])
    }

    @Test("numbers that no kernel prints are not understood, and nothing crashes")
    func absurd() throws {
        let rows = [
            "a-5 [000] d... 99999999999999999999.0: write_msr: 38f, value 1",
            "a-5 [99999] d... 1.0: write_msr: 38f, value 1",
            "a-5 [000] d... 1.0: write_msr: 38f38f38f, value 1",
            "a-5 [000] d... 1.0: write_msr: 38f, value 11111111111111111",
            "a-5 [000] d... 1.0000000000: write_msr: 38f, value 1",
        ]
        for row in rows {
            let found = try Imported(text: row + "\n\na-5 [001] d... 2.0: write_msr: 38f, value 1\n")
            #expect(found.events.filter { $0.pcpu == 0 && $0.time == 1_000_000_000 }.isEmpty)
            #expect(found.events.last?.time == 2_000_000_000)
        }
    }

    @Test("an overlong line and one with binary data are damage, and the rows around them are taken")
    func binary() throws {
        let row = "a-5 [000] d... 1.0: write_msr: 38f, value 1\n"
        var text =
            Array(row.utf8) + [UInt8](repeating: 0x41, count: MetadataLine.lengthLimit + 1) + [0x0a] + Array(row.utf8)
        text += [0x61, 0, 0x62, 0x0a] + Array(row.utf8)
        let found = try Imported(text)
        #expect(found.summary.takenTotal == 3)
        #expect(found.summary.damage.count == 2)
    }

    /// What `perf script -F` prints of one switch and two guest accesses, with and without some columns.
    @Test(
        "rows that name no event are told by their text",
        arguments: [
            ("          g2 12641 [001]  1182.818276: ", true, true, true),
            ("12641 [001]  1182.818276: ", true, true, true),
            ("1182.818276: ", true, false, false), ("  1182.818276:          1 ", true, false, false),
            ("          g2 12641 [001] ", false, true, true), ("12641 ", false, true, false), ("", false, false, false),
            ("    12640/12641 [001]  1182.818276: ", true, true, true),
        ] as [(String, Bool, Bool, Bool)])
    func unnamed(_ context: String, _ hasTime: Bool, _ hasThread: Bool, _ hasCPU: Bool) throws {
        let bodies = [
            "msr_write 186 = 0x5300c0", "msr_read 38f = 0x0 (#GP)",
            "prev_comm=a prev_pid=5 prev_prio=120 prev_state=S ==> next_comm=b next_pid=6 next_prio=120",
            "prev_comm=b prev_pid=6 prev_prio=120 prev_state=R ==> next_comm=a next_pid=5 next_prio=120",
            "vcpu 0, rip 0x10 intr_info 0x0 error_code 0x0",
            "vcpu 0 reason MSR_WRITE rip 0x10 info1 0x0 info2 0x0 intr_info 0x0 error_code 0x0",
        ]
        let found = try Imported(text: bodies.map { context + $0 + "\n" }.joined())
        #expect(found.events.map(\.kind) == [.kvmMSR, .kvmMSR, .schedSwitch, .schedSwitch, .kvmEntry, .kvmExit])
        #expect(found.events.map(\.time) == (1...6).map { hasTime ? 1_182_818_276_000 : $0 })
        #expect(found.events.allSatisfy { $0.pcpu == (hasCPU ? 1 : 0) })
        #expect(found.events[0].pid == (hasThread ? 12641 : 0))
        #expect(found.events[1].raisedException)
        #expect(found.summary.notes.contains { $0.hasPrefix("6 rows name no event") })
    }

    @Test("a row that was wrapped behind its event's name is one row, though its text alone would be one")
    func wrappedBehindName() throws {
        let found = try Imported(text: "a-5 [001] d... 1.0: kvm_msr:\nmsr_write 186 = 0x5300c0\n")
        #expect(found.events.map(\.time) == [1_000_000_000])
        #expect(found.events.map(\.value) == [0x5300c0])
        #expect(found.summary.notUnderstood == [])
    }

    @Test("rows of which only the event's name would tell what they are, are counted, with what is missing")
    func unnamedHostAccess() throws {
        let found = try Imported(
            text: "g2 12641 [001]  1182.8: 830, value fb\ng2 12641 [001]  1182.9: msr_read 10 = 0x1\n")
        #expect(found.events.map(\.kind) == [.kvmMSR])
        #expect(
            found.summary.notUnderstood.map(\.name) == [
                "rows that do not say whether they are of write_msr, read_msr or rdpmc (perf script needs -F +event)"
            ])
    }

    @Test(
        "prose that quotes a row is no row",
        arguments: [
            "then msr_write 186 = 0x5300c0 fails", "the guest does msr_read 38f = 0x0", "see vcpu 0",
            "on vcpu 0, rip 0x10",
        ])
    func prose(_ line: String) throws {
        let row = "a-5 [001] d... 1.0: write_msr: 38f, value 1\n"
        let found = try Imported(text: line + "\n\n" + row)
        #expect(found.summary.taken == [.init(name: "msr:write_msr", records: 1)])
    }

    @Test("perf script --deltatime is added up, over rows of other events too", arguments: [true, false])
    func differences(_ hasNanoseconds: Bool) throws {
        let digits = hasNanoseconds ? "250" : ""
        let text = """
            a 5 [000]  0.000000\(hasNanoseconds ? "000" : ""): msr:write_msr: 38f, value 1
            a 5 [000]  0.000021\(digits): kvm:kvm_pio: pio_read at 0x1 size 1 count 1 val 0x1
            a 5 [000]  0.000004\(digits): msr:write_msr: 38f, value 2
            b 6 [001]  1.000140\(digits): msr:write_msr: 38f, value 3

            """
        let found = try Imported(text: text)
        let cut: UInt64 = hasNanoseconds ? 250 : 0
        #expect(found.events.map(\.time) == [0, 25_000 + 2 * cut, 1_000_165_000 + 3 * cut])
        #expect(found.summary.notes.count { $0.contains("--deltatime") } == 1)
        #expect(found.summary.notes.contains { $0.contains("up to 4 us early") } == !hasNanoseconds)
        #expect(!found.summary.notes.contains { $0.hasPrefix("times go back") })
    }

    @Test("times from 0 that never go back are moments, as perf script --reltime prints them")
    func moments() throws {
        let rows = (0..<300).map { "a 5 [000]  \($0).000000: msr:write_msr: 38f, value 1\n" }
        for count in [1, 3, 300] {
            let found = try Imported(text: rows.prefix(count).joined())
            #expect(found.events.map(\.time) == (0..<UInt64(count)).map { $0 * 1_000_000_000 })
            #expect(found.summary.notes == [])
        }
    }

    @Test("perf script -L puts the CPU behind the thread without brackets")
    func perfLatency() throws {
        let found = try Imported(
            text:
                "qemu-sys   310   1  3130.273529348: kvm:kvm_msr: msr_read fe = 0x508\n   CPU 0 13101  12     1.5: msr:rdpmc: 0, value 1\n"
        )
        #expect(found.events.map(\.pid) == [310, 13101])
        #expect(found.events.map(\.pcpu) == [1, 12])
        #expect(found.events[0].time == 3_130_273_529_348)
        // A comm that ends in a number, in perf script's 16 columns, and no CPU.
        let other = try Imported(text: "    worker 12345   310     1.5: msr:rdpmc: 0, value 1\n")
        #expect(other.events.map(\.pid) == [310])
    }
}
