import PMU

/// A law that a policy, ours or somebody else's, must keep while it runs.
public enum Law: String, Sendable, CaseIterable {
    /// No physical counter has two holders; a pair holds two counters.
    case oneHolder = "one-holder"
    /// An event counts only on a counter its constraint allows.
    case constraint
    /// Host and guests keep to what is reserved for them.
    case reservation
    /// A guest whose counters must be exact gets virtual counter M on physical counter M.
    case exactCounter = "exact-counter"
    /// What a guest's event filter or the policy keeps from it never runs.
    case filter
    /// Once the PMU runs, an event is ACTIVE if and only if it holds a counter.
    case activeHolds = "active-holds"
    /// A group is on whole or not at all, but for members that are off.
    case wholeGroup = "whole-group"
    /// Where ERROR is declared to be sticky nothing but an enable, or the event's end, ends it.
    case stickyError = "sticky-error"
    /// Only pinned events go to ERROR.
    case onlyPinnedFail = "only-pinned-fail"
    /// While a guest holds the whole PMU no event of the host runs on it.
    case guestAlone = "guest-alone"
    /// Registers change only while the PMU is stopped for it.
    case insideSection = "inside-section"
    /// Running, waiting and ERROR add up to the time an event was enabled.
    case timeConserved = "time-conserved"
    /// The same operations give the same steps.
    case sameAnswers = "same-answers"
    /// Steps name events, counters and pCPUs that exist.
    case exists
}

/// A law that was broken, and by what.
public struct LawViolation: Sendable, Equatable, CustomStringConvertible {
    public var law: Law
    /// ns of the trace's clock.
    public var time: UInt64
    public var pcpu: Int
    /// The event that broke it, -1 where none did.
    public var event: EventID
    /// The physical counter in question, -1 where there is none.
    public var counter: Int
    public var detail: String

    public init(law: Law, time: UInt64, pcpu: Int, event: EventID, counter: Int, detail: String) {
        self.law = law
        self.time = time
        self.pcpu = pcpu
        self.event = event
        self.counter = counter
        self.detail = detail
    }

    public var description: String {
        var text = "law \(law.rawValue) broken at \(time) ns"
        if pcpu >= 0 { text += " on pCPU \(pcpu)" }
        if event >= 0 { text += " by event \(event)" }
        if (0..<64).contains(counter) { text += " on \(Counter(index: UInt8(counter)))" }
        return text + ": " + detail
    }
}
