import Capture
import Foundation
import TestSupport
import Testing
import Trace

@Suite(
    "Recorder", .serialized, .exclusiveMachine,
    .enabled(if: ThisMachine.recordsGuests, "this machine cannot record a KVM guest (/dev/kvm, tracefs, privilege)"))
struct RecorderTests {
    private static let sources = [RecordingSource.perf, .tracefs]

    /// Plays programs on a guest in the background while recording; answers the trace and the guest's own notes.
    private func record(
        _ programs: [GuestProgram], from source: RecordingSource = .automatic,
        _ change: (inout RecordingOptions) -> Void = { _ in }
    ) throws -> (trace: TraceBuffer, summary: RecordingSummary, notes: [GuestNotes]) {
        var options = RecordingOptions()
        options.duration = 30_000_000_000
        options.source = source
        options.exits = .full
        change(&options)
        let recorder = try Recorder(options: options, tool: "test", commandLine: [])
        let guest = BackgroundGuest(try Guest(programs: programs))
        var trace = TraceBuffer(metadata: recorder.metadata)
        let summary = try recorder.run(into: &trace) { _ in
            guest.startOnce()
            return guest.hasEnded ? .stop : .goOn
        }
        return (trace, summary, try guest.notes())
    }

    @Test("two vCPUs playing 2,000 accesses: trace and guest memory agree on every access", arguments: Self.sources)
    func agreesWithGuest(source: RecordingSource) throws {
        let program = try GuestProgram(parsing: GuestPrograms.twoThousandAccesses)
        #expect(program.accesses.count == 2000)
        let (trace, summary, notes) = try record([program, program], from: source)
        #expect(summary.lost == 0)
        #expect(summary.rings.allSatisfy { $0.balances })
        #expect(notes.count == 2 && notes[0].thread != notes[1].thread)
        for note in notes {
            // A vCPU's thread may have moved between CPUs, whose events come one CPU after the other.
            let seen = trace.events.filter { $0.kind == .kvmMSR && $0.pid == note.thread }.sorted { $0.time < $1.time }
            let noted = note.accesses.filter { if case .rdpmc = $0.step { false } else { true } }
            #expect(seen.count == noted.count)
            for (event, access) in zip(seen, noted) {
                #expect(event.raisedException == access.raisedGP)
                switch access.step {
                case .write(let register, let value):
                    #expect(event.isWrite && event.register == register && event.value == value)
                case .read(let register):
                    #expect(!event.isWrite && event.register == register)
                    if !access.raisedGP { #expect(event.value == access.value) }
                default: Issue.record("a step that makes no record was compared")
                }
            }
        }
    }

    @Test("vCPUs are told apart by their threads, which the recorder identifies while they run")
    func identifiesVCPUs() throws {
        let program = try GuestProgram(parsing: "repeat 20\nwrite 0xc1 1\npause 20000\nend")
        let (_, summary, notes) = try record([program, program])
        for note in notes {
            let identity = summary.threads.first { $0.tid == note.thread }
            #expect(identity?.vcpu == note.vcpu)
            #expect(identity?.comm == "CPU \(note.vcpu)/KVM")
        }
    }

    @Test(
        "with a buffer far too small, what was read and what is reported lost add up to what the kernel made",
        arguments: Self.sources)
    func accountsForLoss(source: RecordingSource) throws {
        var options = RecordingOptions()
        options.source = source
        options.bufferBytes = 4096
        options.duration = 30_000_000_000
        let recorder = try Recorder(options: options, tool: "test", commandLine: [])
        let program = try GuestProgram(parsing: GuestPrograms.twoThousandAccesses)
        let guest = BackgroundGuest(try Guest(program: program, vcpus: 2))
        var trace = TraceBuffer(metadata: recorder.metadata)
        // Of every guest on this machine, with and without the moments of starting and stopping.
        let accesses = try TracepointCount(.kvmMSR, filter: recorder.metadata.filters[EventKind.kvmMSR.qualifiedName])
        var within: UInt64 = 0
        let summary = try recorder.run(into: &trace) { _ in
            let before = try accesses.value()
            guest.startOnce()
            // Nobody empties the rings meanwhile, and they hold some sixty records each.
            while !guest.hasEnded { usleep(1000) }
            within = try accesses.value() - before
            return .stop
        }
        let around = try accesses.value()
        _ = try guest.notes()

        #expect(summary.lost > 0)
        for ring in summary.rings {
            #expect(ring.read + ring.lost == ring.made)
            let reported = trace.lost.filter { $0.pcpu == UInt16(ring.pcpu) }.reduce(0) { $0 + ($1.count ?? 0) }
            #expect(reported == ring.lost)
            for lost in trace.lost { #expect(lost.earliest <= lost.latest) }
            for tracepoint in ring.tracepoints {
                let events = trace.events.filter { $0.pcpu == UInt16(ring.pcpu) && $0.kind == tracepoint.kind }
                #expect(UInt64(events.count) == tracepoint.read)
            }
        }
        let guestAccesses = summary.rings.flatMap(\.tracepoints).filter { $0.kind == .kvmMSR }
        guard source == .perf else { return }
        let made = guestAccesses.reduce(0) { $0 + ($1.made ?? 0) }
        // Where no other guest runs these are all the same.
        #expect(UInt64(2 * program.accesses.count) <= within)
        #expect(within <= made && made <= around)
        if recorder.metadata.lossGranularity == .tracepoint {
            for count in guestAccesses { #expect(count.read + count.lost == count.made) }
        }
    }

    @Test(
        "optional sources: forks, ends and interrupts of a guest, and who asks for events and holds some",
        arguments: Self.sources)
    func optionalSources(source: RecordingSource) throws {
        var options = RecordingOptions()
        options.duration = 30_000_000_000
        options.source = source
        options.optional = Set(OptionalSource.allCases)
        var asking = RecordingOptions()
        asking.source = .perf
        // Its events stay open: this process holds them when the recording below begins.
        let holding = try Recorder(options: asking, tool: "test", commandLine: [])
        let recorder = try Recorder(options: options, tool: "test", commandLine: [])
        let held = try #require(recorder.metadata.perfEventHolders).processes.first { $0.pid == getpid() }
        #expect((held?.events ?? 0) > 0)
        // x2APIC on, an interrupt to itself, and an NMI to its own APIC.
        let program = try GuestProgram(
            parsing: "write 0x1b 0xfee00d00\nwrite 0x83f 0x51\nwrite 0x830 0x4400\nread 0x10")
        let guest = BackgroundGuest(try Guest(programs: [program], apic: .inKernel))
        var trace = TraceBuffer(metadata: recorder.metadata)
        var hasAsked = false
        let summary = try recorder.run(into: &trace) { _ in
            guest.startOnce()
            if !hasAsked { _ = try? Recorder(options: asking, tool: "test", commandLine: []) }
            hasAsked = true
            return guest.hasEnded ? .stop : .goOn
        }
        let thread = try #require(try guest.notes().first).thread
        #expect(summary.lost == 0 && summary.rings.allSatisfy { $0.balances })
        #expect(trace.events.contains { $0.kind == .processFork && $0.subjectPID == thread })
        let end = trace.events.first { $0.kind == .processExit && $0.subjectPID == thread }
        #expect(end.map { trace.comms[Int($0.prevComm)] } == "CPU 0/KVM")
        let opens = trace.events.filter { $0.kind == .perfEventOpen }
        #expect(opens.contains { $0.openTarget == -1 && $0.openCPU >= 0 })
        let interrupts = trace.events.filter { $0.kind == .acceptIRQ && $0.pid == thread }
        #expect(interrupts.contains { $0.vector == 0x51 && $0.deliveryMode == 0 && $0.a == 0 })
        #expect(interrupts.contains { $0.isNMIDelivery })
        withExtendedLifetime(holding) {}
    }

    @Test("events of each CPU come in rising time", arguments: Self.sources)
    func keepsOrder(source: RecordingSource) throws {
        let program = try GuestProgram(parsing: GuestPrograms.twoThousandAccesses)
        let (trace, summary, _) = try record([program, program], from: source)
        #expect(!summary.rings.isEmpty && !trace.events.isEmpty)
        for ring in summary.rings {
            let times = trace.events.filter { $0.pcpu == UInt16(ring.pcpu) }.map(\.time)
            #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
        }
    }

    @Test("registers outside the PMU are filtered in the kernel, unless all are asked for")
    func filtersRegisters() throws {
        let program = try GuestProgram(parsing: "write 0x176 1\nwrite 0x186 0\nread 0x176\nwrite 0xc0010201 0")
        func registers(_ trace: TraceBuffer, _ notes: [GuestNotes]) -> [UInt32] {
            trace.events.filter { $0.kind == .kvmMSR && $0.pid == notes[0].thread }.map(\.register)
        }
        let (filtered, _, notes) = try record([program])
        #expect(registers(filtered, notes) == [0x186, 0xc001_0201])
        #expect(filtered.events.filter { $0.kind == .writeMSR }.allSatisfy { PMURegisters.contains($0.register) })
        let (all, _, others) = try record([program]) { $0.registers = .all }
        #expect(registers(all, others) == [0x176, 0x186, 0x176, 0xc001_0201])
    }

    @Test("only the chosen process is recorded, with threads that it starts later", arguments: Self.sources)
    func limitsToProcess(source: RecordingSource) throws {
        let program = try GuestProgram(parsing: "repeat 60\nwrite 0xc1 1\npause 10000\nend")
        let (trace, _, notes) = try record([program], from: source) { $0.processes = [getpid()] }
        let mine = Set(KnownThreads.ofThisProcess() + notes.map(\.thread))
        #expect(trace.events.contains { $0.kind == .kvmMSR && $0.pid == notes[0].thread })
        for event in trace.events where event.kind != .schedSwitch { #expect(mine.contains(event.pid)) }
    }

    @Test("a CPU that is not recorded leaves no event", arguments: Self.sources)
    func limitsToCPUs(source: RecordingSource) throws {
        let program = try GuestProgram(parsing: GuestPrograms.twoThousandAccesses)
        let (trace, _, _) = try record([program, program], from: source) { $0.cpus = [0] }
        #expect(!trace.events.isEmpty)
        #expect(trace.events.allSatisfy { $0.pcpu == 0 })
    }

    @Test("the metadata say what was recorded, how, and what cannot be seen")
    func describesItself() throws {
        let recorder = try Recorder(options: RecordingOptions(), tool: "vpmu test", commandLine: ["vpmu", "record"])
        let metadata = recorder.metadata
        #expect(metadata.tracepoints.contains("kvm:kvm_msr"))
        #expect(metadata.formats["kvm:kvm_msr"]?.contains("field:u32 ecx") == true)
        #expect(metadata.filters["kvm:kvm_msr"]?.contains("ecx >= 0x186 && ecx <= 0x18f") == true)
        #expect(metadata.filters["msr:rdpmc"] == nil)
        #expect(metadata.topology.count == Set(metadata.topology.map(\.id)).count)
        #expect(!metadata.topology.isEmpty)
        #expect(metadata.processor?.vendor.count == 12)
        #expect(metadata.blindSpots.contains { $0.contains("RDPMC makes no kvm_msr record") })
    }

    @Test("what cannot be recorded is refused before anything starts")
    func refusesNonsense() {
        var options = RecordingOptions()
        options.cpus = [8191]
        #expect(throws: CaptureError.self) { try Recorder(options: options, tool: "test", commandLine: []) }
        options = RecordingOptions()
        options.processes = [Int32.max]
        #expect(throws: CaptureError.self) { try Recorder(options: options, tool: "test", commandLine: []) }
        options = RecordingOptions()
        options.bufferBytes = 1 << 40
        #expect(throws: CaptureError.self) { try Recorder(options: options, tool: "test", commandLine: []) }
    }

    @Test("both sources at once record the same accesses of a guest")
    func sourcesAgree() throws {
        let program = try GuestProgram(parsing: "repeat 100\nwrite 0xc1 1\nread 0xc0010004\nwrite 0x186 0\nend")
        var options = RecordingOptions()
        options.source = .perf
        options.duration = 30_000_000_000
        // Nobody empties the outer rings while the inner recorder runs, and other guests may fill them too.
        options.bufferBytes = 32 << 20
        let outer = try Recorder(options: options, tool: "test", commandLine: [])
        options.source = .tracefs
        let inner = try Recorder(options: options, tool: "test", commandLine: [])
        let guest = BackgroundGuest(try Guest(program: program, vcpus: 2))
        var outerTrace = TraceBuffer(metadata: outer.metadata)
        var innerTrace = TraceBuffer(metadata: inner.metadata)
        _ = try outer.run(into: &outerTrace) { _ in
            _ = try inner.run(into: &innerTrace) { _ in
                guest.startOnce()
                return guest.hasEnded ? .stop : .goOn
            }
            return .stop
        }
        // Each source takes its own time stamp and looks for itself whether the thread is to be rescheduled, which an
        // interrupt between the two may have asked for: all else is compared.
        let reschedule: UInt8 = 0x02 | 0x04 | 0x20
        func accesses(_ trace: TraceBuffer) -> [TraceEvent] {
            trace.events.filter { $0.kind == .kvmMSR }.sorted { $0.time < $1.time }.map { event in
                var event = event
                event.time = 0
                event.flags &= ~reschedule
                return event
            }
        }
        for note in try guest.notes() {
            let seen = accesses(outerTrace).filter { $0.pid == note.thread }
            #expect(seen.count == 300)
            let isSame = seen == accesses(innerTrace).filter { $0.pid == note.thread }
            #expect(isSame)
        }
    }

    @Test("entries and exits are recorded only when asked for")
    func leavesOutExits() throws {
        let metadata = try Recorder(options: RecordingOptions(), tool: "test", commandLine: []).metadata
        #expect(!metadata.tracepoints.contains("kvm:kvm_exit"))
        #expect(metadata.blindSpots.contains { $0.contains("--exits none") })
        var options = RecordingOptions()
        options.exits = .full
        let full = try Recorder(options: options, tool: "test", commandLine: []).metadata
        #expect(Set(full.tracepoints) == Set(EventKind.always.map(\.qualifiedName)))
    }

    @Test("a recording ends with its command, whose exit code is told")
    func endsWithCommand() throws {
        var options = RecordingOptions()
        options.command = ["sh", "-c", "exit 3"]
        let recorder = try Recorder(options: options, tool: "test", commandLine: [])
        var trace = TraceBuffer(metadata: recorder.metadata)
        #expect(try recorder.run(into: &trace).end == .command(code: 3))
    }

    @Test("a command that does not exist is an error that names it")
    func refusesMissingCommand() throws {
        var options = RecordingOptions()
        options.command = ["no-such-command-anywhere"]
        let recorder = try Recorder(options: options, tool: "test", commandLine: [])
        var trace = TraceBuffer(metadata: recorder.metadata)
        let error = #expect(throws: CaptureError.self) { try recorder.run(into: &trace) }
        #expect(error?.description.contains("no-such-command-anywhere") == true)
    }

    @Test("a sink that fails ends the recording in order, and the command with it")
    func survivesFailingSink() throws {
        var options = RecordingOptions()
        options.command = ["sleep", "60"]
        let recorder = try Recorder(options: options, tool: "test", commandLine: [])
        var sink = FailingSink()
        let summary = try recorder.run(into: &sink)
        #expect(summary.end == .sinkFailed("full"))
    }
}

private struct FailingSink: TraceSink {
    struct Full: Error, CustomStringConvertible { let description = "full" }
    mutating func append(_ event: TraceEvent) throws { throw Full() }
    mutating func append(_ lost: LostRecords) throws { throw Full() }
    mutating func comm(_ comm: String) -> UInt32 { 0 }
}

private enum KnownThreads {
    static func ofThisProcess() -> [Int32] {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").compactMap { Int32($0) }) ?? []
    }
}
