import Host
import Timeline
import Trace

/// The first differing decision of two policies in the words of the field.
public struct Explanation: Equatable, Sendable {
    public var policies: (a: String, b: String) { (policyA, policyB) }
    public var policyA: String
    public var policyB: String
    public var difference: FirstDifference
    /// `guest:vm0/0 gp0 cycles`: whose counter it is about, and what was asked for.
    public var subject: Subject
    /// Who has the physical counter under A and B, nil where it is free.
    public var holderA: String?
    public var holderB: String?
    /// What set the decision off: `guest:vm0/0 writes 0x186`, `task switch`, `multiplexing timer`, ...
    public var trigger: String
    /// The counters the event may use, with who had each under A and B just before.
    public var candidates: [Candidate]
    /// What happens to the subject under the policy in which it goes without.
    public var mechanism: Mechanism
    /// The mechanism in one or two sentences.
    public var account: String
    /// The rules that decide: taken over from the other policy, any of them alone makes this difference go away. Empty
    /// where only several together do.
    public var deciding: [DecidingRule]
    /// The most telling word for it all.
    public var cause: Cause
    /// What it costs from there on, nil where the replay was not asked for it.
    public var cost: Cost?
    /// Register accesses of the same pCPU around the decision, in the trace's order.
    public var accesses: [Access]
    /// What makes the explanation less than certain: loss in the trace, inferred demand.
    public var doubts: [String]

    public struct Subject: Equatable, Sendable {
        public var owner: String
        /// The virtual counter, for guests.
        public var counter: String?
        public var event: String
        public var priority: String
        /// Whether it is policy A under which it goes without the counter, or B.
        public var goesWithout: Side
        public enum Side: String, Sendable { case a, b }
    }

    public struct Candidate: Equatable, Sendable, Encodable {
        public var counter: String
        public var holderA: String?
        public var holderB: String?
    }

    public struct DecidingRule: Equatable, Sendable, Encodable {
        /// The policy file's key.
        public var rule: String
        public var a: String
        public var b: String
    }

    public struct Cost: Equatable, Sendable, Encodable {
        public var owner: String
        /// Over all of the owner's series, ns; positive is worse under the policy that goes without.
        public var lostNs: UInt64
        public var silentNs: UInt64
        public var enabledNs: UInt64
        public var verdict: String
    }

    public struct Access: Equatable, Sendable, Encodable {
        public var time: UInt64
        /// As `vpmu dump` shows it.
        public var text: String
    }

    /// What keeps the subject from the counter.
    public enum Mechanism: String, Sendable, CaseIterable {
        /// Its guest has no PMU, or the host made no event for it.
        case noEvent = "no-event"
        case refused
        /// It counts on another physical counter.
        case otherCounter = "other-counter"
        /// Pinned, did not fit earlier, and stays in ERROR.
        case errorKept = "error-kept"
        /// Pinned, and does not fit now.
        case error
        /// Another event of a higher priority took the counter.
        case displaced
        /// Flexible, and waits for its turn.
        case waiting
        /// Its group as a whole does not fit.
        case groupMisfit = "group-misfit"
        /// No counter it may use is left by its constraint.
        case constraint
        /// The PMU is in other hands as a whole.
        case handedOver = "handed-over"
        /// It is off: its owner has not enabled it.
        case off
    }

    /// One word for what decided.
    public enum Cause: String, Sendable, CaseIterable {
        case priority, constraint, displacement, filter, reservation, rotation, loss, refusal
        case errorKept = "error-kept"
        case handOver = "mediated-hand-over"
        case noPMU = "no-pmu"
        case groupMisfit = "group-misfit"
        case misfitBlocksLater = "misfit-blocks-later"
        case freedCounter = "freed-counter"
        case flexibleOrder = "flexible-order"
        case firstCome = "first-come"
        case exactCounter = "exact-counter"
        case availability = "in-use-at-power-on"
        case eventNames = "event-names"
        case socketEvents = "socket-events"
        case hostVisibility = "host-visibility"
        case guestReaction = "guest-reaction"
    }

    public static func == (x: Explanation, y: Explanation) -> Bool {
        x.policyA == y.policyA && x.policyB == y.policyB && x.difference == y.difference && x.subject == y.subject
            && x.account == y.account && x.deciding == y.deciding && x.cause == y.cause && x.cost == y.cost
            && x.accesses == y.accesses && x.doubts == y.doubts
    }
}
