import Testing
import Trace

@testable import Timeline

@Suite("What optional sources tell beside the counters")
struct WitnessTests {
    private func timeline(
        _ events: [TraceEvent], holders: TraceMetadata.PerfEventHolders? = nil, lost: [LostRecords] = []
    ) -> Timeline {
        var metadata = TraceMetadata(source: "test", tool: "test", clock: "monotonic")
        metadata.perfEventHolders = holders
        metadata.threads = [.init(tid: 9, pid: 9, comm: "CPU 0/KVM", vm: "web", vcpu: 0)]
        var builder = TimelineBuilder(metadata: metadata, comms: ["agent"])
        for event in events { builder.take(event) }
        for record in lost { builder.take(record) }
        return builder.finish()
    }

    @Test("NMIs that a vCPU's own thread gives it are told, with how often its counters were seen to run over")
    func nmis() {
        let timeline = timeline([
            .kvmEntry(time: 1, pcpu: 0, pid: 9, vcpu: 0),
            .host(.writeMSR, time: 2, pcpu: 0, pid: 9, register: 0x38f, value: 0),
            .host(.writeMSR, time: 2, pcpu: 0, pid: 9, register: 0x4c1, value: 0xffff_ffff_ff00),
            .host(.writeMSR, time: 2, pcpu: 0, pid: 9, register: 0x186, value: 0x5300c4),
            .host(.writeMSR, time: 2, pcpu: 0, pid: 9, register: 0x38f, value: 0x7_0000_000e),
            .host(.writeMSR, time: 5, pcpu: 0, pid: 9, flags: 0x40, register: 0x38f, value: 0),
            .host(.writeMSR, time: 5, pcpu: 0, pid: 9, flags: 0x40, register: 0x4c1, value: 0xffff_ffff_ff00),
            .host(.writeMSR, time: 5, pcpu: 0, pid: 9, flags: 0x40, register: 0x38f, value: 0x7_0000_000e),
            .acceptIRQ(time: 6, pcpu: 0, pid: 9, apicID: 0, vector: 0, deliveryMode: 0x400),
            .acceptIRQ(time: 7, pcpu: 0, pid: 9, apicID: 1, vector: 0, deliveryMode: 0x400),
            .acceptIRQ(time: 8, pcpu: 1, pid: 5, apicID: 0, vector: 0, deliveryMode: 0x400),
            .acceptIRQ(time: 9, pcpu: 0, pid: 9, apicID: 0, vector: 0xfe, deliveryMode: 0),
        ])
        #expect(timeline.witnesses.deliveries.map(\.vcpu?.index) == [0, nil, nil])
        let told = timeline.testimony
        #expect(told.count == 2)
        #expect(told[0].contains("was given 1 NMI(s) by its own thread"))
        #expect(told[0].contains("run over 1 time(s)"))
        #expect(told[1].contains("0xfe, 1"))
    }

    @Test("who asked for events and who held some is told, and that nobody knows which")
    func opens() throws {
        var holders = TraceMetadata.PerfEventHolders()
        holders.processes = [.init(pid: 70, comm: "detector", events: 8)]
        holders.unseen = 2
        let timeline = timeline(
            [
                .schedSwitch(time: 1, pcpu: 0, prev: 0, next: 50, nextComm: 0),
                .perfEventOpen(time: 2, pcpu: 0, pid: 50, target: -1, cpu: 0),
                .perfEventOpen(time: 3, pcpu: 0, pid: 50, target: 9, cpu: -1),
            ], holders: holders)
        #expect(
            timeline.testimony[0].hasPrefix("agent (50) called perf_event_open 2 time(s), 1 of them for every thread"))
        #expect(timeline.testimony[1] == "detector (70) held 8 perf event(s) at the start.")
        #expect(timeline.testimony[2].contains("2 process(es) could not be looked at"))
        let suspects = try #require(timeline.witnesses.suspects)
        #expect(suspects.contains("agent (50), 2") && suspects.contains("detector (70), 8"))
    }

    @Test("lost records of what no count rests on taint nothing")
    func lost() {
        let lost = [EventKind.perfEventOpen, .acceptIRQ, .schedSwitch].map {
            LostRecords(pcpu: 0, kind: $0, count: 1, earliest: 1, latest: 2)
        }
        let timeline = timeline([.kvmEntry(time: 1, pcpu: 0, pid: 9, vcpu: 0)], lost: lost)
        #expect(timeline.taints.map(\.cause) == ["1 records were lost of sched_switch"])
    }

    @Test("without such sources nothing is told")
    func nothing() {
        #expect(timeline([.kvmEntry(time: 1, pcpu: 0, pid: 9, vcpu: 0)]).testimony.isEmpty)
    }

    @Test("a thread id that a fork gives anew is another vCPU of the demand")
    func reuse() {
        let timeline = timeline([
            .kvmEntry(time: 1, pcpu: 0, pid: 20, vcpu: 0),
            .kvmMSR(time: 2, pcpu: 0, pid: 20, write: true, register: 0x186, data: 0x5300c0),
            .kvmEntry(time: 3, pcpu: 1, pid: 21, vcpu: 1),
            .processFork(time: 20, pcpu: 1, pid: 8, child: 20),
            .kvmEntry(time: 30, pcpu: 0, pid: 20, vcpu: 1),
            .kvmMSR(time: 31, pcpu: 0, pid: 20, write: true, register: 0x186, data: 0x5300c0),
        ])
        let acting = Set(
            timeline.demand.operations.compactMap { operation -> Int32? in
                if case .guestWrite(let vcpu, _, _, _) = operation.kind { vcpu } else { nil }
            })
        #expect(acting.count == 2)
    }
}
