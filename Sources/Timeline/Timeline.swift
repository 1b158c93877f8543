import Host
import PMU
import Policy

/// What a trace means: who asked for what, who got which counter, and what was measured.
///
/// `demand` is the one input of a replay. `decisions`, `steps` and `readings` are what the recording host did with it:
/// a comparison looks at them, a replay never does. `measurements` is what replays take counts from.
public struct Timeline: Sendable {
    /// First and last time of the trace, ns of its clock.
    public var start: UInt64 = 0
    public var end: UInt64 = 0
    public var model: ProcessorModel
    /// The policy under which the trace was recorded.
    public var recordedRules: PolicyRules
    public var kvm: KVMRules
    /// The multiplexing timer's interval, ns.
    public var multiplexInterval: UInt64
    public var demand: Demand
    /// Changes of who holds which physical counter, in the trace's order.
    public var decisions: [Decision] = []
    /// Every start and stop of an event that the traffic shows, in order.
    public var steps: [RecordedStep] = []
    public var readings: [GuestReading] = []
    /// What other PMUs than the cores' were seen to count.
    public var uncore = UncoreReadings()
    /// What optional sources tell beside the counters' own traffic; no replay rests on it.
    public var witnesses = Witnesses()
    /// How often counters of the vCPU that a thread runs were seen to run over.
    var overflowsOfThread: [Int32: Int] = [:]
    public var measurements = Measurements()
    /// What had to be inferred, one sentence each.
    public var inferred: [InferredDemand] = []
    public var taints: [TimelineTaint] = []
    /// Threads that act for a guest although nothing says for which vCPU.
    public var unattributed: [Int32] = []
    /// vCPUs of which neither VM nor process is known: which of them share a VM is open.
    public var vcpusOfUnknownVMs: [Int] = []
    /// Whether the trace shows the host's register traffic at all, so that decisions can be compared.
    public var showsTraffic = false

    /// `guest:VM/VCPU` of a vCPU.
    public func owner(vcpu: Int) -> String {
        let vcpu = demand.actors.vcpus[vcpu]
        return "guest:\(demand.actors.vms[vcpu.vm].name)/\(vcpu.index)"
    }

    /// `host:NAME` of a host event.
    public func owner(hostEvent: Int) -> String { "host:\(demand.actors.hostEvents[hostEvent].name)" }
}

/// One change of who holds a physical counter.
public struct Decision: Sendable, Equatable {
    /// ns of the trace's clock.
    public var time: UInt64
    /// Index of the trace event, in merged order, that shows it.
    public var event: UInt64
    public var pcpu: Int32
    /// The physical counter.
    public var counter: Counter
    /// nil when the counter falls free.
    public var holder: Holder?
    /// Raw event select with USR, OS and INT, without EN; the last holder's when the counter falls free.
    public var config: UInt64
    public var certainty: Certainty
    /// Where a host's holder counts, as far as the traffic decides it: one entry where it does, two where it leaves
    /// open whether the event is the pCPU's or the current thread's, the likelier first; empty for guests.
    public var scopes: [Scope] = []
    /// Host events that the traffic fits as well as the holder although it tells them apart elsewhere; not empty
    /// exactly where a host's decision is `ambiguous`.
    public var rivals: [Int] = []

    /// A pCPU's event, or a thread's.
    public enum Scope: Sendable, Equatable, Hashable {
        case pcpu(Int32)
        case thread(Int32)
    }

    public enum Holder: Sendable, Equatable, Hashable {
        /// `counter` is the virtual counter, nil where it is not known.
        case guest(vcpu: Int, counter: Counter?)
        /// Index into the demand's host events.
        case host(Int)
    }
}

extension Decision {
    /// A decision that a replay made: no record shows it.
    public init(replayedAt time: UInt64, pcpu: Int32, counter: Counter, holder: Holder?, config: UInt64) {
        self.init(
            time: time, event: .max, pcpu: pcpu, counter: counter, holder: holder, config: config, certainty: .seen)
    }
}

/// An event's start on, or stop on, a physical counter, as the traffic shows it.
public struct RecordedStep: Sendable, Equatable {
    public var time: UInt64
    /// Index of the trace event.
    public var event: UInt64
    public var pcpu: Int32
    public var counter: Counter
    public var kind: Kind
    public var config: UInt64
    public var exclusion: EventSpec.Exclusion
    /// The vCPU or host event, -1 and -1 where unknown.
    public var vcpu: Int32 = -1
    public var hostEvent: Int32 = -1
    /// The holding that the step begins or ends.
    var holding: Int32 = -1

    public enum Kind: UInt8, Sendable { case start, stop }
}

/// What a guest's read of a register returned on the recording host.
public struct GuestReading: Sendable, Equatable {
    public var time: UInt64
    public var event: UInt64
    /// Index of the operation in the demand.
    public var operation: Int
    public var vcpu: Int32
    public var register: UInt32
    public var value: UInt64
}

/// A piece of demand that no record states.
public struct InferredDemand: Sendable, Equatable {
    /// Index into the demand's host events, nil where it is not about one.
    public var hostEvent: Int?
    public var what: String
    public var certainty: Certainty
}

/// An interval in which the trace cannot be trusted; nil fields mean "all of them".
public struct TimelineTaint: Sendable, Equatable {
    public var vcpu: Int?
    public var pcpu: Int?
    /// ns of the trace's clock, both inclusive.
    public var from: UInt64
    public var to: UInt64
    public var cause: String
    public var origin = Origin.lostRecords

    public enum Origin: Sendable {
        /// Records are missing: who ran when, and what was counted, may be wrong.
        case lostRecords
        /// The records are there; the demand that was read off them is not what gave the decisions.
        case inferredDemand
    }
}
