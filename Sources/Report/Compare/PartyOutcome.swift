import Counts

/// What one policy does to one VM or one host event on one trace, against the policy that others are measured by.
/// Times are ns, summed over the party's series.
public struct PartyOutcome: Equatable, Sendable {
    /// The trace as the user named it, nil where there is only one.
    public var trace: String?
    /// `guest:VM` or `host:NAME`.
    public var party: String
    public var policy: String
    public var enabledNs: UInt64 = 0
    public var runningNs: UInt64 = 0
    /// Running time that series have less and more than under the first policy, each series by itself.
    public var lostNs: UInt64 = 0
    public var gainedNs: UInt64 = 0
    public var silentNs: UInt64 = 0
    public var blindNs: UInt64 = 0
    /// Of a guest: running time on a physical counter of another number.
    public var crossMappedNs: UInt64 = 0
    /// Times a guest was told that it cannot have counters, and those of them that it overlooked.
    public var told = 0
    public var overlooked = 0
    /// Of its series; nil where none was enabled.
    public var fairness: Fairness?
    /// What it cost: guest accesses that left the guest, PMU registers written on its behalf, perf events made.
    public var interceptedAccesses: UInt64 = 0
    public var registerWrites: UInt64 = 0
    public var eventsCreated: UInt64 = 0

    /// How much worse off it is, for the order in which people look: time lost, silent or blind.
    public var harmNs: UInt64 {
        let lack = lostNs.addingReportingOverflow(silentNs)
        let sum = lack.partialValue.addingReportingOverflow(blindNs)
        return lack.overflow || sum.overflow ? .max : sum.partialValue
    }

    public var isGuest: Bool { party.hasPrefix("guest:") }
}

extension PartyOutcome {
    /// The party an owner belongs to: a vCPU to its VM, a host event to itself.
    static func party(of owner: String) -> String {
        guard owner.hasPrefix("guest:"), let slash = owner.lastIndex(of: "/") else { return owner }
        return String(owner[..<slash])
    }

    /// Every party under every policy of a comparison, by policy in the comparison's order, then by party.
    public static func outcomes(of comparison: Comparison, trace: String? = nil) -> [PartyOutcome] {
        var all: [PartyOutcome] = []
        for (number, table) in comparison.tables.enumerated() {
            var outcomes: [String: PartyOutcome] = [:]
            var rows: [String: [Series]] = [:]
            for row in comparison.rows {
                let party = party(of: row.key.owner)
                var one = outcomes[party] ?? PartyOutcome(trace: trace, party: party, policy: table.policy)
                let (base, now) = (row.series[0]?.runningNs ?? 0, row.series[number]?.runningNs ?? 0)
                if now < base { one.lostNs += base - now } else { one.gainedNs += now - base }
                if let series = row.series[number] {
                    one.enabledNs += series.enabledNs
                    one.runningNs += series.runningNs
                    one.silentNs += series.silentNs
                    one.blindNs += series.blindNs
                    one.crossMappedNs += series.crossMappedNs
                    rows[party, default: []].append(series)
                }
                outcomes[party] = one
            }
            for (party, series) in rows { outcomes[party]?.fairness = Fairness(series) }
            for notice in table.notices {
                let party = party(of: notice.owner)
                outcomes[party, default: PartyOutcome(trace: trace, party: party, policy: table.policy)].told += 1
                if notice.wasOverlooked { outcomes[party]?.overlooked += 1 }
            }
            for cost in table.operations where cost.owner != "host" {
                let party = party(of: cost.owner)
                outcomes[party]?.interceptedAccesses += cost.interceptedAccesses
                outcomes[party]?.registerWrites += cost.registerWrites
                outcomes[party]?.eventsCreated += cost.eventsCreated
            }
            all += outcomes.values.sorted { NaturalOrder.less($0.party, $1.party) }
        }
        return all
    }

    /// The worst off first; of those equally well off, in the order of trace, party and policy.
    public static func worstFirst(_ outcomes: [PartyOutcome]) -> [PartyOutcome] {
        outcomes.enumerated().sorted { a, b in
            if a.element.harmNs != b.element.harmNs { return a.element.harmNs > b.element.harmNs }
            let (x, y) = (a.element, b.element)
            if x.trace != y.trace { return NaturalOrder.less(x.trace ?? "", y.trace ?? "") }
            if x.party != y.party { return NaturalOrder.less(x.party, y.party) }
            return a.offset < b.offset
        }.map(\.element)
    }
}

extension Notice {
    /// Whether the guest does not look where it was told.
    public var wasOverlooked: Bool { what.contains("overlooked") }
}
