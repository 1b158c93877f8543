import Foundation
import Testing
import Trace

@testable import Import

@Suite("Import of optional tracepoints")
struct OptionalTracepointTests {
    /// As perf script prints them, Linux 6.18.
    static let text = """
                bash    40 [001]    10.000000001: sched:sched_process_fork: comm=bash pid=40 child_comm=my pid=3 sh child_pid=41
               agent    41 [001]    10.000000002: syscalls:sys_enter_perf_event_open: attr_uptr: 0x7ffd12345678, pid: 0xffffffffffffffff, cpu: 0x00000003, group_fd: 0xffffffffffffffff, flags: 0x00000008
           CPU 0/KVM     9 [000]    10.000000003: kvm:kvm_apic_accept_irq: apicid a vec 236 (Fixed|level)
           CPU 0/KVM     9 [000]    10.000000004: kvm:kvm_apic_accept_irq: apicid 0 vec 0 (NMI|edge)
               agent    41 [001]    10.000000005: sched:sched_process_exit: comm=agent pid=41 prio=120 group_dead=true

        """

    private static func expected() -> [TraceEvent] {
        var exit = TraceEvent.processExit(time: 10_000_000_005, pcpu: 1, pid: 41, comm: 2)
        exit.b = 1
        exit.value = 120
        return [
            .acceptIRQ(
                time: 10_000_000_003, pcpu: 0, pid: 9, apicID: 10, vector: 236, deliveryMode: 0, isLevel: true),
            .acceptIRQ(time: 10_000_000_004, pcpu: 0, pid: 9, apicID: 0, vector: 0, deliveryMode: 0x400),
            .processFork(time: 10_000_000_001, pcpu: 1, pid: 40, child: 41, comm: 0, childComm: 1),
            .perfEventOpen(time: 10_000_000_002, pcpu: 1, pid: 41, target: -1, cpu: 3, groupFD: -1, flags: 8), exit,
        ]
    }

    private func sorted(_ events: [TraceEvent]) -> [TraceEvent] {
        events.sorted { ($0.pcpu, $0.time) < ($1.pcpu, $1.time) }
    }

    @Test("nobody asked: they are counted by name and not taken")
    func off() throws {
        let imported = try Imported(text: Self.text)
        #expect(imported.events.isEmpty)
        #expect(imported.summary.others.map(\.name).contains("kvm:kvm_apic_accept_irq"))
        #expect(imported.summary.others.reduce(0) { $0 + $1.records } == 5)
    }

    @Test("the text of perf script gives their fields")
    func text() throws {
        let imported = try Imported(text: Self.text, options: ImportOptions(optional: Set(OptionalSource.allCases)))
        #expect(sorted(imported.events) == Self.expected())
        #expect(imported.trace.comms == ["bash", "my pid=3 sh", "agent"])
    }

    /// The call of `text`, in the words of the kernel's own tracer: plain, with argument types, with `0x` as later
    /// kernels have it, with a thread group, in the latency format, as 32-bit arguments; then as trace-cmd report -R
    /// and ftrace's option `fields` print it.
    static let calls = [
        "           agent-41      [001] .....    10.000000002: sys_perf_event_open(attr_uptr: 7ffd12345678, pid: ffffffffffffffff, cpu: 3, group_fd: ffffffffffffffff, flags: 8)",
        "           agent-41      [001] .....    10.000000002: sys_perf_event_open(struct perf_event_attr * attr_uptr: 7ffd12345678, pid_t pid: ffffffffffffffff, int cpu: 3, int group_fd: ffffffffffffffff, unsigned long flags: 8)",
        "           agent-41      [001] .....    10.000000002: sys_perf_event_open(attr_uptr: 0x7ffd12345678, pid: 0xffffffffffffffff, cpu: 0x3, group_fd: 0xffffffffffffffff, flags: 0x8)",
        "           agent-41      (     40) [001] .....    10.000000002: sys_perf_event_open(attr_uptr: 7ffd12345678, pid: ffffffff, cpu: 3, group_fd: ffffffff, flags: 8)",
        "   agent-41        1..... 10000000us : sys_perf_event_open(attr_uptr: 7ffd12345678, pid: ffffffff, cpu: 3, group_fd: ffffffff, flags: 8)",
        "           agent-41    [001]    10.000000002: sys_enter_perf_event_open:  nr=298 attr_uptr=0x7ffd12345678 pid=18446744073709551615 cpu=3 group_fd=18446744073709551615 flags=0x8",
        "           agent-41    [001]    10.000000002: sys_enter_perf_event_open:  nr=12a attr_uptr=7ffd12345678 pid=ffffffff cpu=3 group_fd=ffffffff flags=8",
        "           agent-41      [001] .....    10.000000002: sys_enter_perf_event_open: __syscall_nr=0x12a (298) attr_uptr=0x7ffd12345678 (140725609584248) pid=0xffffffff (-1) cpu=0x3 (3) group_fd=0xffffffff (-1) flags=0x8 (8)",
    ]

    @Test("ftrace's own text of the call, and the fields alone, are read as well", arguments: calls)
    func call(line: String) throws {
        let imported = try Imported(text: line + "\n", options: ImportOptions(optional: [.opens]))
        #expect(
            imported.events.map(Self.untimed) == [
                Self.untimed(
                    .perfEventOpen(time: 0, pcpu: 1, pid: 41, target: -1, cpu: 3, groupFD: -1, flags: 8))
            ])
        #expect(imported.trace.comms.isEmpty || imported.trace.comms == ["agent"])
        let off = try Imported(text: line + "\n")
        #expect(off.events.isEmpty)
        #expect(off.summary.others.map(\.name) == ["syscalls:sys_enter_perf_event_open"])
    }

    /// Formats differ in what of the time they keep.
    private static func untimed(_ event: TraceEvent) -> TraceEvent {
        var event = event
        event.time = 0
        event.flags = 0
        return event
    }

    @Test("other calls, returns and calls that lack an argument are none")
    func otherCalls() throws {
        let row = "  agent-41  [001] .....    10.000000002: "
        for text in [
            "sys_perf_event_open -> 0x3", "sys_perf_event_open(attr_uptr: 7ffd12345678, pid: 0, cpu: 3, group_fd: 1)",
            "sys_openat(dfd: ffffff9c, filename: 7ffd12345678, flags: 8, mode: 0)",
        ] {
            let imported = try Imported(
                text: row + text + "\n" + Self.calls[0] + "\n", options: ImportOptions(optional: [.opens]))
            #expect(imported.events.count == 1, "\(text)")
        }
    }

    @Test("only what was asked for is taken")
    func some() throws {
        let imported = try Imported(text: Self.text, options: ImportOptions(optional: [.interrupts]))
        #expect(imported.events.map(\.kind) == [.acceptIRQ, .acceptIRQ])
    }

    @Test("what dump prints of them, text and JSON, is read back", arguments: [TraceDump.Format.text, .json])
    func dumped(format: TraceDump.Format) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("vpmu-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("trace.vpt").path
        let options = ImportOptions(optional: Set(OptionalSource.allCases))
        let (writer, _, metadata) = try Importer(options: options).run(
            ImportInput(bytes: Array(Self.text.utf8), name: "test")
        ) { try TraceWriter(path: file, metadata: $0, options: .init()) }
        writer.metadata = metadata
        try writer.finish()
        var bytes: [UInt8] = []
        var dump = try TraceDump(TraceReader(path: file), format: format)
        try dump.run { bytes.append(contentsOf: $0) }
        #expect(
            sorted(try Imported(bytes, options: options).events.map(Self.withoutNames))
                == Self.expected().map(Self.withoutNames))
    }

    /// Names are numbered in the order of their first use, which is that of the lines.
    private static func withoutNames(_ event: TraceEvent) -> TraceEvent {
        var event = event
        event.renumberComms { _ in 0 }
        return event
    }
}
