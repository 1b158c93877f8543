/// Losses of which those of one pCPU and tracepoint have become one, which covers all their time: as many as there are
/// pCPUs and tracepoints, however many were told of.
package struct JoinedLosses {
    private struct Place: Hashable {
        var pcpu: UInt16
        var kind: EventKind?
    }

    private var losses: [Place: LostRecords] = [:]

    package init() {}

    package var isEmpty: Bool { losses.isEmpty }

    package mutating func add(_ record: LostRecords) {
        let place = Place(pcpu: record.pcpu, kind: record.kind)
        guard var one = losses[place] else {
            losses[place] = record
            return
        }
        if let count = one.count, let more = record.count {
            one.count = count.addingSaturated(more)
        } else {
            one.count = nil
        }
        one.earliest = min(one.earliest, record.earliest)
        one.latest = max(one.latest, record.latest)
        losses[place] = one
    }

    /// By pCPU, then by tracepoint.
    package var list: [LostRecords] {
        losses.values.sorted {
            ($0.pcpu, $0.kind.map { Int($0.rawValue) } ?? -1) < ($1.pcpu, $1.kind.map { Int($0.rawValue) } ?? -1)
        }
    }
}
