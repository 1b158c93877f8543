extension ProcessorModel {
    /// Events for which Linux and the vendor's list name different counters, all for the same reason.
    public struct ListDifference: Sendable, Equatable, CustomStringConvertible {
        /// The events in the list's order.
        public var events: [String]
        public var config: UInt64
        public var listed: UInt64
        public var ours: UInt64
        /// The row of the kernel's table that decides, nil where none names the event.
        public var row: ConstraintRow?

        public var description: String {
            let names = events.count == 1 ? events[0] : "\(events[0]) and \(events.count - 1) more"
            let reason = row.map { "row `\($0)`" } ?? "no row names it, so any GP counter"
            return "\(names) (0x\(String(config, radix: 16))): listed \(Counter.list(listed)), "
                + "Linux \(Counter.list(ours)): \(reason)"
        }
    }

    /// A field of a vendor's list that could not be read.
    public struct UnreadableEntry: Error, Equatable, CustomStringConvertible {
        public var event: String
        public init(event: String) { self.event = event }
        public var description: String { "event \(event): a code or counter field is no number of the known forms" }
    }

    /// Compares each event of a vendor's list with this model's constraint. Events that share config, counters and row
    /// are one difference; differences stand in the list's order of their first event.
    ///
    /// - Throws: `UnreadableEntry` for an event whose fields cannot be read.
    public func differences(
        from list: VendorEventList, column: VendorEventList.Column
    ) throws(UnreadableEntry) -> [ListDifference] {
        var differences: [ListDifference] = []
        for entry in list.events {
            let field = column == .hyperthreading ? entry.counters : entry.countersWithoutHT ?? entry.counters
            guard let listed = VendorEventList.mask(ofField: field), let configs = entry.configs else {
                throw UnreadableEntry(event: entry.name)
            }
            for config in configs.map(withoutPseudoEncoding) {
                let ours = constraint(for: config).mask
                if ours == listed { continue }
                let same = differences.firstIndex { $0.config == config && $0.listed == listed && $0.ours == ours }
                if let same {
                    differences[same].events.append(entry.name)
                } else {
                    differences.append(
                        ListDifference(
                            events: [entry.name], config: config, listed: listed, ours: ours, row: row(for: config)))
                }
            }
        }
        return differences
    }

    /// The lists give the events of fixed counters 0 and 1 code 0; perf spells them as instructions and cycles where
    /// the kernel has no row for the pseudo encoding (`fixed`, tools/perf/pmu-events/jevents.py, v6.12).
    private func withoutPseudoEncoding(_ config: UInt64) -> UInt64 {
        guard row(for: config) == nil else { return config }
        return switch config & 0xffff {
        case 0x0100: config & ~0xffff | 0x00c0
        case 0x0200: config & ~0xffff | 0x003c
        default: config
        }
    }
}
