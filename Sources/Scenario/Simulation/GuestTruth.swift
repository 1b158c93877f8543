import Host
import PMU
import Policy

/// What guests believed to be counting, and which of the scheduler's events stood for which counter.
struct GuestTruth: Sendable {
    /// Guest-mode time in which the guest had the counter enabled for the event.
    var enabled: [Ledger.GuestKey: UInt64] = [:]
    /// The guest's counter behind each event of the scheduler; nil for a host's.
    var counterOfEvent: [Ledger.GuestKey?] = []
    fileprivate var believed: [[Ledger.GuestKey]]
    fileprivate var since: [UInt64]

    init(vcpus: Int) {
        believed = [[Ledger.GuestKey]](repeating: [], count: vcpus)
        since = [UInt64](repeating: 0, count: vcpus)
    }
}

extension Simulation {
    /// Notes which counter and event the events made since the last call stand for.
    mutating func noteNewEvents() {
        while truth.counterOfEvent.count < machine.scheduler.eventCount {
            let id = truth.counterOfEvent.count
            guard case .guest(let vcpu, let counter) = machine.scheduler.spec(of: id).owner else {
                truth.counterOfEvent.append(nil)
                continue
            }
            truth.counterOfEvent.append(guestKey(vcpu, counter))
        }
    }

    /// Settles the time the guest has believed its counters to count, and asks what it believes from now on.
    mutating func noteBelief(_ vcpu: Int) {
        let time = hardware.guests[vcpu].runningTime(at: now)
        for key in truth.believed[vcpu] { truth.enabled[key, default: 0] += time - truth.since[vcpu] }
        truth.since[vcpu] = time
        truth.believed[vcpu] = []
        var mask = machine.guestEnabled(vcpu: vcpu)
        while mask != 0 {
            truth.believed[vcpu].append(guestKey(vcpu, Counter(index: UInt8(mask.trailingZeroBitCount))))
            mask &= mask - 1
        }
    }

    private func guestKey(_ vcpu: Int, _ counter: Counter) -> Ledger.GuestKey {
        let slot = GuestRegisters.slot(of: counter) ?? 0
        let config = machine.virtualPMU(vcpu: vcpu).registers.eventSelect[slot]
        return Ledger.GuestKey(vcpu: vcpu, counter: counter, event: RatePhases.key(of: config))
    }
}

extension SimulatedHardware {
    /// The recording ends: what counts until now is put to account.
    mutating func closeLedger() {
        for pcpu in pcpus.indices {
            var bits = pcpus[pcpu].running
            while bits != 0 {
                counts(pcpu: pcpu, counter: Counter(index: UInt8(bits.trailingZeroBitCount)), source: nil)
                bits &= bits - 1
            }
        }
    }
}
