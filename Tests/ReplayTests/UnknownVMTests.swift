import Counts
import Policy
import Replay
import Testing
import Timeline
import Trace

/// An imported recording often names no process: whose vCPU a vCPU is, then is not known.
@Suite("vCPUs of which the trace does not tell the VM")
struct UnknownVMTests {
    /// The recording of `agent-starves-guest`, whose two vCPUs keep their ids and lose their VM.
    private func timeline() throws -> Timeline {
        let recording = try Recording(try Files.scenario("agent-starves-guest"), .emulated)
        var metadata = recording.trace.metadata
        metadata.threads = metadata.threads.map { .init(tid: $0.tid, pid: nil, comm: $0.comm, vcpu: $0.vcpu) }
        var trace = TraceBuffer(metadata: metadata)
        for comm in recording.trace.comms { _ = trace.comm(comm) }
        for event in recording.trace.events { trace.append(event) }
        return Timeline(trace)
    }

    private func doubts(_ rules: PolicyRules) throws -> [String?] {
        Replayer.replay(try timeline(), under: rules).taints.filter { $0.cause.contains("does not tell") }.map(\.owner)
    }

    @Test("they are counted as those of a known VM are")
    func counts() throws {
        let known = Timeline(try Recording(try Files.scenario("agent-starves-guest"), .emulated).trace)
        func guests(_ timeline: Timeline) -> [String] {
            Replayer.replay(timeline, under: .emulated).series.filter { $0.key.owner.hasPrefix("guest:") }.map {
                "\($0.key.owner.split(separator: "/")[1]) \($0.key.counter ?? "") \($0.reading) \($0.silentNs)"
            }
        }
        #expect(guests(known).count == 4)
        #expect(try guests(timeline()) == guests(known))
        #expect(try timeline().owner(vcpu: 0) == "guest:unknown/0")
    }

    @Test("a policy to which all VMs are alike judges them")
    func alike() throws {
        #expect(try doubts(.emulated) == [])
    }

    @Test("a policy that treats VMs differently cannot, unless it speaks of them")
    func overrides() throws {
        var rules = PolicyRules.emulated
        rules.overrides = ["web-1": GuestRules(access: .none)]
        #expect(try doubts(rules) == ["guest:unknown/0", "guest:unknown/1"])
        rules.overrides["unknown"] = GuestRules(access: .none)
        #expect(try doubts(rules) == [])
    }

    @Test("a policy to which it matters which vCPUs power on together cannot")
    func powerOn() throws {
        var rules = PolicyRules.emulated
        rules.guest.availability = .freeAtPowerOn
        #expect(try doubts(rules) == ["guest:unknown/0", "guest:unknown/1"])
    }
}
