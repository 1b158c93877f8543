import Foundation
import Host
import PMU
import Policy

/// What really was counted in a simulated run, whoever could see it: integrated from the scenario's rates while the
/// run was made, without a replay.
///
/// Times are ns. A guest's are guest-mode time: a counter of a guest cannot count while its vCPU is not in it.
public struct Truth: Codable, Sendable, Equatable {
    /// The version of this shape.
    public var schemaVersion = 1
    public var scenario: String
    public var policy: String
    public var seed: UInt64
    public var duration: UInt64
    /// Guests before hosts, then by owner, counter, event and pCPU.
    public var series: [Series]
    /// Who was told no, in words.
    public var refused: [String]

    /// The keys are those of `replay --json`.
    public struct Series: Codable, Sendable, Equatable {
        /// `guest:VM/VCPU` or `host:NAME`.
        public var owner: String
        /// The pCPU of a host event that is bound to one.
        public var pcpu: Int?
        /// The guest's virtual counter, `gp0`, `fixed1`.
        public var counter: String?
        public var event: String
        public var count: UInt64
        /// Time the owner had it enabled.
        public var enabledNs: UInt64
        /// Time it really counted.
        public var runningNs: UInt64
        /// Guests: time it was believed to count and did not.
        public var silentNs: UInt64
    }

    /// As JSON, the same bytes for the same truth.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self) + Data("\n".utf8)
    }
}

extension Simulation {
    /// The account at the end of a run.
    func makeTruth(policy: String) -> Truth {
        var guests: [Ledger.GuestKey: Ledger.Total] = hardware.ledger.guests
        var hosts: [Int: Ledger.Total] = [:]
        for (id, total) in hardware.ledger.events.enumerated() {
            if let key = truth.counterOfEvent[id] {
                guests[key, default: .init()].count += total.count
                guests[key, default: .init()].running += total.running
            } else if case .host(let index) = machine.scheduler.spec(of: id).owner {
                hosts[index, default: .init()].count += total.count
                hosts[index, default: .init()].running += total.running
            }
        }
        for key in truth.enabled.keys where guests[key] == nil { guests[key] = .init() }
        let order = guests.keys.sorted {
            ($0.vcpu, $0.counter.index, $0.event) < ($1.vcpu, $1.counter.index, $1.event)
        }
        var series = order.map { key in
            let enabled = truth.enabled[key] ?? 0
            let total = guests[key] ?? .init()
            return Truth.Series(
                owner: ownerName(vcpu: key.vcpu), pcpu: nil, counter: "\(key.counter)",
                event: scenario.model.eventName(of: key.event), count: total.count, enabledNs: enabled,
                runningNs: total.running, silentNs: enabled > total.running ? enabled - total.running : 0)
        }
        for (index, plan) in host.plans.enumerated() {
            var pcpu: Int?
            if case .pcpu(let number) = plan.event.scope { pcpu = number }
            let total = hosts[index] ?? .init()
            series.append(
                Truth.Series(
                    owner: "host:\(plan.event.name)", pcpu: pcpu, counter: nil,
                    event: scenario.model.eventName(of: plan.event.config), count: total.count,
                    enabledNs: host.enabled[index] ?? 0, runningNs: total.running, silentNs: 0))
        }
        return Truth(
            scenario: scenario.name, policy: policy, seed: scenario.seed, duration: scenario.duration, series: series,
            refused: hardware.refusals.map(describe))
    }

    private func ownerName(vcpu: Int) -> String {
        "guest:\(scenario.vms[vcpus[vcpu].vm].name)/\(vcpus[vcpu].index)"
    }

    private func describe(_ refusal: Refusal) -> String {
        let party: String =
            switch refusal.party {
            case .hostEvent(let index):
                switch host.plans[index].event.scope {
                case .pcpu(let pcpu): "host:\(host.plans[index].event.name) on CPU \(pcpu)"
                default: "host:\(host.plans[index].event.name)"
                }
            case .vm(let vm): "VM \(scenario.vms[vm].name)"
            case .guestCounter(let vcpu, let counter): "\(ownerName(vcpu: vcpu)) \(counter)"
            }
        return "\(party): \(refusal.reason.rawValue)"
    }
}
