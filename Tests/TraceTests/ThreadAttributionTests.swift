import Testing

@testable import Trace

@Suite("Which thread is which vCPU")
struct ThreadAttributionTests {
    private func attribution(
        _ events: [TraceEvent], threads: [TraceMetadata.ThreadIdentity] = [], comms: [String] = []
    ) -> ThreadAttribution {
        var attribution = ThreadAttribution(threads: threads, comms: comms)
        for event in events { attribution.observe(event) }
        return attribution
    }

    @Test("entries and exits tell, also for accesses before the first of them")
    func transitions() {
        let threads = attribution([
            .kvmMSR(time: 1, pcpu: 0, pid: 9, write: true, register: 0x186, data: 0),
            .kvmEntry(time: 2, pcpu: 0, pid: 9, vcpu: 4),
        ])
        #expect(threads.vcpu(of: 9, at: 1)?.index == 4)
        #expect(threads.vcpu(of: 9, at: 100)?.source == .transitions)
        #expect(threads.vcpu(of: 8, at: 1) == nil)
    }

    @Test("a vCPU that moves between pCPUs stays itself")
    func migration() {
        let threads = attribution([
            .kvmExit(time: 1, pcpu: 0, pid: 9, vcpu: 4, reason: 1), .kvmEntry(time: 5, pcpu: 3, pid: 9, vcpu: 4),
        ])
        #expect(threads.vcpu(of: 9, at: 0) == threads.vcpu(of: 9, at: 9))
    }

    @Test("a thread id that is used again is another vCPU from then on")
    func reuse() throws {
        let threads = attribution([
            .kvmEntry(time: 1, pcpu: 0, pid: 9, vcpu: 0),
            .schedSwitch(time: 10, pcpu: 0, prev: 9, next: 0, prevState: 0x10),
            .schedSwitch(time: 20, pcpu: 1, prev: 0, next: 9),
            .kvmEntry(time: 21, pcpu: 1, pid: 9, vcpu: 0),
        ])
        let (old, new) = (try #require(threads.vcpu(of: 9, at: 5)), try #require(threads.vcpu(of: 9, at: 21)))
        #expect(old.index == new.index && old != new)
        #expect(old.since == 0 && new.since == 20)
    }

    @Test("a fork that gives an id makes it another thread's, though no switch shows the old one's end")
    func forkedReuse() throws {
        let threads = attribution([
            .kvmEntry(time: 1, pcpu: 0, pid: 9, vcpu: 0),
            .processFork(time: 20, pcpu: 1, pid: 8, child: 9),
            .kvmEntry(time: 30, pcpu: 1, pid: 9, vcpu: 0),
        ])
        let (old, new) = (try #require(threads.vcpu(of: 9, at: 5)), try #require(threads.vcpu(of: 9, at: 30)))
        #expect(old != new && new.since == 20)
    }

    @Test("a thread that ends is itself until it is switched out, and enters no guest any more")
    func exiting() throws {
        let ended = [
            TraceEvent.kvmEntry(time: 1, pcpu: 0, pid: 9, vcpu: 0), .processExit(time: 10, pcpu: 0, pid: 9),
        ]
        // Preempted on its way out, and gone.
        let gone = attribution(
            ended + [
                .schedSwitch(time: 11, pcpu: 0, prev: 9, next: 0), .schedSwitch(time: 12, pcpu: 0, prev: 0, next: 9),
                .schedSwitch(time: 13, pcpu: 0, prev: 9, next: 0, prevState: 0x10),
                .kvmEntry(time: 30, pcpu: 1, pid: 9, vcpu: 0),
            ])
        #expect(try #require(gone.vcpu(of: 9, at: 12)).since == 0)
        #expect(try #require(gone.vcpu(of: 9, at: 30)).since == 30)
        // Neither its last switch nor the new thread's fork is in the trace.
        let lost = attribution(ended + [.kvmEntry(time: 30, pcpu: 1, pid: 9, vcpu: 0)])
        #expect(try #require(lost.vcpu(of: 9, at: 30)).since == 30)
    }

    @Test("a reused id without its thread's end is told by the vCPU's id")
    func silentReuse() {
        let threads = attribution([
            .kvmEntry(time: 1, pcpu: 0, pid: 9, vcpu: 0), .kvmEntry(time: 50, pcpu: 0, pid: 9, vcpu: 7),
        ])
        #expect(threads.vcpu(of: 9, at: 49)?.index == 0)
        #expect(threads.vcpu(of: 9, at: 50)?.index == 7)
    }

    @Test("what the recorder knew counts for the use of the id whose name agrees")
    func recorder() {
        let threads = attribution(
            [
                .schedSwitch(time: 1, pcpu: 0, prev: 0, next: 9, nextComm: 1),
                .schedSwitch(time: 2, pcpu: 0, prev: 9, next: 0, prevState: 0x20, prevComm: 1),
                .schedSwitch(time: 3, pcpu: 0, prev: 0, next: 9, nextComm: 2),
            ],
            threads: [.init(tid: 9, pid: 1, comm: "CPU 1/KVM", vm: "web", vcpu: 1)],
            comms: ["swapper/0", "make", "CPU 1/KVM"])
        #expect(threads.vcpu(of: 9, at: 1) == nil)
        #expect(threads.vcpu(of: 9, at: 3)?.vm == "web")
    }

    @Test(
        "names of vCPU threads",
        arguments: [
            ("CPU 0/KVM", 0), ("CPU 12/KVM", 12), ("fc_vcpu 3", 3), ("vcpu7", 7), ("crosvm_vcpu2", 2),
            ("kvm-vcpu-1", 1),
            ("CPU /KVM", nil), ("CPU x/KVM", nil), ("CPU 1/TCG", nil), ("vcpu", nil), ("qemu-system-x86", nil),
        ] as [(String, Int?)])
    func names(name: String, index: Int?) {
        #expect(ThreadAttribution.vcpuIndex(ofThreadNamed: name) == index)
    }
}
