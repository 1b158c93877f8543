import Counts
import Foundation

/// The JSON of `vpmu compare` over a folder or with `--worst`; `Schema/compare.schema.json` describes it.
extension CorpusComparison {
    /// Raised only when a field changes its meaning or goes away; fields may be added under the same number.
    public static let schemaVersion = 1

    /// - Parameter worst: how many parties to write, the worst off first; nil for all.
    public func json(worst: Int?) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        let parties = PartyOutcome.worstFirst(outcomes).prefix(worst ?? .max)
        let document = Document(
            traces: entries.map(\.trace), policies: totals.map(PolicyLine.init), parties: parties.map(PartyLine.init))
        return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
    }

    private struct Document: Encodable {
        var schemaVersion = CorpusComparison.schemaVersion
        var traces: [String]
        var policies: [PolicyLine]
        var parties: [PartyLine]
    }

    private struct Shares: Encodable {
        var least: Double
        var greatest: Double
        var jain: Double

        init(_ fairness: Fairness) {
            least = fairness.least
            greatest = fairness.greatest
            jain = fairness.jain
        }
    }

    private struct PolicyLine: Encodable {
        var policy: String
        var silentNs, blindNs, crossMappedNs: UInt64
        var displaced, told, overlooked, tracesWithSilence, tracesWithLoss, openLoop: Int
        var interceptedAccesses, registerWrites, eventsCreated: UInt64
        var guestFairness, hostFairness: Shares?

        init(_ total: PolicyTotal) {
            policy = total.policy
            (silentNs, blindNs, crossMappedNs) = (total.sum.silentNs, total.sum.blindNs, total.crossMappedNs)
            (displaced, told, overlooked) = (total.sum.displaced, total.told, total.overlooked)
            (tracesWithSilence, tracesWithLoss) = (total.tracesWithSilence, total.tracesWithLoss)
            openLoop = total.sum.openLoop
            interceptedAccesses = total.sum.interceptedAccesses
            registerWrites = total.sum.registerWrites
            eventsCreated = total.sum.eventsCreated
            guestFairness = total.guestFairness.map(Shares.init)
            hostFairness = total.hostFairness.map(Shares.init)
        }
    }

    private struct PartyLine: Encodable {
        var trace: String?
        var party, policy: String
        var enabledNs, runningNs, lostNs, gainedNs, silentNs, blindNs, crossMappedNs: UInt64
        var told, overlooked: Int
        var fairness: Shares?
        var interceptedAccesses, registerWrites, eventsCreated: UInt64

        init(_ one: PartyOutcome) {
            (trace, party, policy) = (one.trace, one.party, one.policy)
            (enabledNs, runningNs) = (one.enabledNs, one.runningNs)
            (lostNs, gainedNs) = (one.lostNs, one.gainedNs)
            (silentNs, blindNs, crossMappedNs) = (one.silentNs, one.blindNs, one.crossMappedNs)
            (told, overlooked) = (one.told, one.overlooked)
            fairness = one.fairness.map(Shares.init)
            interceptedAccesses = one.interceptedAccesses
            registerWrites = one.registerWrites
            eventsCreated = one.eventsCreated
        }
    }
}
