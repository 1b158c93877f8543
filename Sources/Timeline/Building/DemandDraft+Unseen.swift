import Host
import PMU
import Policy
import Trace

/// Who holds counters without any traffic.
extension DemandDraft {
    /// Who holds a counter throughout and makes no traffic, the watchdog apart.
    mutating func addUnseen() {
        for pcpu in unseen.held.indices {
            var bits = unseen.held[pcpu]
            for event in actors.hostEvents where event.scope == .pcpu(pcpu) {
                if let counter = event.counterBefore, event.name == Demand.watchdogName { bits &= ~counter.bit }
            }
            while bits != 0 {
                let counter = Counter(index: UInt8(bits.trailingZeroBitCount))
                bits &= bits - 1
                let number = Int32(actors.hostEvents.count)
                actors.hostEvents.append(
                    Demand.HostEvent(
                        name: "unseen-\(counter)@cpu\(pcpu)", config: UnseenHolders.config(on: counter),
                        priority: .pinned,
                        exclusionKnown: false, scope: .pcpu(pcpu), certainty: .inferred, counterBefore: counter))
                remarks.append(
                    "somebody holds \(counter) of pCPU \(pcpu) throughout and makes no traffic: new events pass it over"
                )
                add(0, -1, builder.start, Int32(pcpu), .hostInstall(event: number))
            }
        }
    }

    /// Puts events that make no traffic among those that do, each behind all on lower counters: that is where events placed
    /// together go.
    mutating func orderBeforeTrace() {
        let count = operations.prefix { $0.isBeforeTrace }.count
        func counter(_ operation: DemandOperation) -> Counter? {
            guard case .hostInstall(let event) = operation.kind else { return nil }
            return actors.hostEvents[Int(event)].counterBefore
        }
        func isUnseen(_ operation: DemandOperation) -> Bool {
            guard case .hostInstall(let event) = operation.kind else { return false }
            return Int(event) >= hosts.candidates.count
        }
        var order = operations[..<count].filter { !isUnseen($0) }
        for operation in operations[..<count].filter(isUnseen) {
            guard let own = counter(operation) else {
                order.append(operation)
                continue
            }
            let lower = order.lastIndex { other in
                other.pcpu == operation.pcpu
                    && (counter(other).map { UnseenHolders.order($0) < UnseenHolders.order(own) } ?? false)
            }
            let first = order.firstIndex { counter($0) != nil } ?? order.endIndex
            order.insert(operation, at: lower.map { $0 + 1 } ?? first)
        }
        operations.replaceSubrange(..<count, with: order)
    }
}
