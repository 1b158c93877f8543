import Trace

/// What perf says of lost records, from two sources that overlap.
///
/// The kernel puts `PERF_RECORD_LOST` into a ring as soon as there is room again: when, and how many since the last. At
/// the end perf (6.1 and later) asks each event for its total (`PERF_FORMAT_LOST`) and writes
/// `PERF_RECORD_LOST_SAMPLES`, which counts the same records again, plus those lost after a ring's last word.
struct PerfLosses {
    private var cpuOfID: [UInt64: UInt16] = [:]
    private var lastTimes: ContiguousArray<UInt64> = []
    private var counted: [UInt16: (count: UInt64, latest: UInt64)] = [:]
    private var unplaced: UInt64 = 0
    private var totals: [UInt16: UInt64] = [:]
    private var unplacedTotal: UInt64 = 0
    private var byName = NameTally()
    private var anyTotal = false

    /// A record of any kind was on `cpu` at `time`.
    @inline(__always)
    mutating func saw(_ cpu: UInt32, _ time: UInt64) {
        let cpu = Int(cpu)
        if cpu >= lastTimes.count {
            guard cpu < Int(UInt16.max) else { return }
            lastTimes.append(contentsOf: repeatElement(0, count: cpu + 1 - lastTimes.count))
        }
        lastTimes[cpu] = time
    }

    func lastTime(_ cpu: UInt16) -> UInt64? {
        Int(cpu) < lastTimes.count && lastTimes[Int(cpu)] > 0 ? lastTimes[Int(cpu)] : nil
    }

    mutating func count(_ count: UInt64, on cpu: UInt16, at time: UInt64) {
        let known = counted[cpu] ?? (0, 0)
        counted[cpu] = (known.count.addingSaturated(count), max(known.latest, time))
    }

    mutating func countUnplaced(_ count: UInt64) {
        unplaced = unplaced.addingSaturated(count)
    }

    /// `PERF_RECORD_ID_INDEX`: which id counts on which CPU; entries of id, index, cpu, tid.
    mutating func readIndex(_ record: UnsafeRawBufferPointer) {
        var reader = ByteReader(record, at: 16)
        let count: UInt64 = record.value(8)
        for _ in 0..<min(count, UInt64(record.count / 32)) {
            guard let id: UInt64 = reader.integer(), reader.skip(8), let cpu: UInt64 = reader.integer(), reader.skip(8)
            else { return }
            if cpu < UInt64(UInt16.max), cpuOfID.count < 1 << 22 { cpuOfID[id] = UInt16(cpu) }
        }
    }

    /// An event's total on the CPU of its id.
    mutating func total(_ count: UInt64, id: UInt64?, name: String?) {
        anyTotal = true
        if let name { byName.add(name, count) }
        if let cpu = id.flatMap({ cpuOfID[$0] }) {
            totals[cpu] = (totals[cpu] ?? 0).addingSaturated(count)
        } else {
            unplacedTotal = unplacedTotal.addingSaturated(count)
        }
    }

    /// Hands on what the totals know beyond the pieces.
    func finish(into collector: ImportCollector) {
        guard anyTotal else { return }
        for cpu in totals.keys.sorted() {
            let known = counted[cpu] ?? (0, 0)
            guard totals[cpu]! > known.count else { continue }
            let latest = max(known.latest, lastTime(cpu) ?? known.latest, collector.span?.last ?? 0)
            collector.takeLost(
                LostRecords(
                    pcpu: cpu, kind: nil, count: totals[cpu]! - known.count,
                    earliest: known.latest > 0 ? known.latest : collector.span?.first ?? 0, latest: latest))
        }
        let pieces = counted.values.reduce(unplaced) { $0.addingSaturated($1.count) }
        let placed = totals.values.reduce(UInt64(0)) { $0.addingSaturated($1) }
        if unplacedTotal > 0, unplacedTotal > pieces - min(pieces, placed) {
            collector.takeLostAnywhere(
                count: unplacedTotal - (pieces - min(pieces, placed)),
                because: "perf counted lost samples without saying on which CPU")
        }
        let names = byName.sorted.filter { $0.records > 0 }.map { "\($0.name) \($0.records)" }
        if !names.isEmpty { collector.note("lost by event: " + names.joined(separator: ", ")) }
    }
}
