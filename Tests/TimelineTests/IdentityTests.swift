import Host
import Testing
import Trace

@testable import Timeline

@Suite("Which thread is which vCPU")
struct IdentityTests {
    private func timeline(_ events: [TraceEvent], threads: [TraceMetadata.ThreadIdentity] = []) -> Timeline {
        var metadata = TraceMetadata(source: "test", tool: "test", clock: "simulated")
        metadata.threads = threads
        var buffer = TraceBuffer(metadata: metadata)
        for event in events { buffer.append(event) }
        return Timeline(buffer)
    }

    private func owners(_ timeline: Timeline) -> [String] {
        timeline.demand.actors.vcpus.indices.map { timeline.owner(vcpu: $0) }
    }

    @Test("entries name the vCPU but not its VM, and a second vCPU 0 is another VM's")
    func entries() {
        let result = timeline([
            .kvmEntry(time: 1, pcpu: 0, pid: 100, vcpu: 0), .kvmEntry(time: 2, pcpu: 1, pid: 101, vcpu: 1),
            .kvmEntry(time: 3, pcpu: 2, pid: 200, vcpu: 0),
        ])
        #expect(owners(result) == ["guest:unknown/0", "guest:unknown/1", "guest:unknown-200/0"])
        #expect(result.vcpusOfUnknownVMs == [0, 1, 2])
        #expect(
            result.inferred.contains { $0.what.hasPrefix("which of 3 vCPUs share a VM") && $0.certainty == .ambiguous })
    }

    @Test("without entries the recorder's list of threads tells")
    func recorder() {
        let result = timeline(
            [.kvmMSR(time: 1, pcpu: 0, pid: 7, write: true, register: 0x186, data: 0)],
            threads: [.init(tid: 7, pid: 5, comm: "CPU 3/KVM", vm: "db", vcpu: 3)])
        #expect(owners(result) == ["guest:db/3"])
        #expect(result.unattributed == [])
    }

    @Test("threads of one process are one VM's, those of another one another's, and one without a process nobody's")
    func processes() {
        let result = timeline(
            [100, 101, 200, 300].map {
                .kvmMSR(time: UInt64($0), pcpu: 0, pid: $0, write: true, register: 0x186, data: 0)
            },
            threads: [
                .init(tid: 100, pid: 90, comm: "CPU 0/KVM"), .init(tid: 101, pid: 90, comm: "CPU 1/KVM"),
                .init(tid: 200, pid: 190, comm: "CPU 0/KVM"), .init(tid: 300, pid: nil, comm: "CPU 1/KVM"),
            ])
        #expect(owners(result) == ["guest:pid90/0", "guest:pid90/1", "guest:pid190/0", "guest:unknown/1"])
        #expect(result.vcpusOfUnknownVMs == [3])
        #expect(!result.inferred.contains { $0.what.contains("share a VM") })
    }

    @Test("a thread that nothing names is a vCPU all the same, and said to be unattributed")
    func unattributed() {
        let result = timeline([.kvmMSR(time: 1, pcpu: 0, pid: 42, write: true, register: 0x186, data: 0)])
        #expect(owners(result) == ["guest:unattributed/42"])
        #expect(result.unattributed == [42])
    }

    @Test("a thread id that is used again is another vCPU")
    func reuse() {
        let result = timeline([
            .kvmEntry(time: 1, pcpu: 0, pid: 100, vcpu: 0),
            .kvmMSR(time: 2, pcpu: 0, pid: 100, write: true, register: 0x186, data: 1),
            .schedSwitch(time: 3, pcpu: 0, prev: 100, next: 0, prevState: 0x10),
            .schedSwitch(time: 4, pcpu: 0, prev: 0, next: 100),
            .kvmEntry(time: 5, pcpu: 0, pid: 100, vcpu: 1),
            .kvmMSR(time: 6, pcpu: 0, pid: 100, write: true, register: 0x186, data: 2),
        ])
        let writers = result.demand.operations.compactMap { operation -> Int32? in
            if case .guestWrite(let vcpu, 0x186, _, _) = operation.kind { vcpu } else { nil }
        }
        #expect(writers.count == 2)
        #expect(writers[0] != writers[1])
    }

    @Test("a vCPU that moves to another pCPU stays itself")
    func migration() {
        let result = timeline([
            .kvmEntry(time: 1, pcpu: 0, pid: 100, vcpu: 0),
            .schedSwitch(time: 2, pcpu: 0, prev: 100, next: 0),
            .schedSwitch(time: 3, pcpu: 5, prev: 0, next: 100),
            .kvmEntry(time: 4, pcpu: 5, pid: 100, vcpu: 0),
        ])
        #expect(owners(result) == ["guest:unknown/0"])
        let enters = result.demand.operations.filter { $0.kind == .guestEnter(vcpu: 0) }
        #expect(enters.map(\.pcpu) == [0, 5])
    }
}
