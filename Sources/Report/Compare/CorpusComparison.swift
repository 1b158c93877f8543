import Counts

/// The same policies over several traces: what each does in sum, and who is worst off.
public struct CorpusComparison: Sendable {
    public struct Entry: Sendable {
        public var trace: String
        public var comparison: Comparison

        public init(trace: String, comparison: Comparison) {
            self.trace = trace
            self.comparison = comparison
        }
    }

    /// What one policy does over all traces. Times are ns.
    public struct PolicyTotal: Equatable, Sendable {
        public var policy: String
        public var sum: Summary
        public var crossMappedNs: UInt64 = 0
        public var told = 0
        public var overlooked = 0
        /// Traces on which some guest counter is silent, and on which some host event is blind or displaced.
        public var tracesWithSilence = 0
        public var tracesWithLoss = 0
        public var guestFairness: Fairness?
        public var hostFairness: Fairness?
    }

    /// Each with the same policies in the same order.
    public let entries: [Entry]

    public init(_ entries: [Entry]) { self.entries = entries }

    /// By policy, in the order they were named.
    public var totals: [PolicyTotal] {
        let policies = entries.first?.comparison.tables.map(\.policy) ?? []
        return policies.indices.map { number in CorpusComparison.total(entries.map { $0.comparison.tables[number] }) }
    }

    /// Every party on every trace under every policy.
    public var outcomes: [PartyOutcome] {
        entries.flatMap { PartyOutcome.outcomes(of: $0.comparison, trace: $0.trace) }
    }

    static func total(_ tables: [CountsTable]) -> PolicyTotal {
        var sum = Summary(CountsTable(policy: "", series: []))
        var total = PolicyTotal(policy: tables.first?.policy ?? "", sum: sum)
        var (guests, hosts): ([Series], [Series]) = ([], [])
        for table in tables {
            let one = Summary(table)
            sum.add(one)
            if one.silentNs > 0 { total.tracesWithSilence += 1 }
            if one.blindNs > 0 || one.displaced > 0 { total.tracesWithLoss += 1 }
            total.told += table.notices.count
            total.overlooked += table.notices.count { $0.wasOverlooked }
            for row in table.series {
                total.crossMappedNs += row.crossMappedNs
                if row.key.isGuest { guests.append(row) } else { hosts.append(row) }
            }
        }
        total.sum = sum
        total.guestFairness = Fairness(guests)
        total.hostFairness = Fairness(hosts)
        return total
    }
}
