import FoundationEssentials

extension TraceInfo: Encodable {
    private enum CodingKeys: String, CodingKey {
        case schemaVersion, path, size, formatVersion, complete, unfinished, damage, blocks, start, end, pcpus, events
        case records, accesses, capped, lost, vcpus, unattributed, unattributedThreads, blindSpots, metadata
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(Self.schemaVersion, forKey: .schemaVersion)
        try values.encode(path, forKey: .path)
        try values.encode(size, forKey: .size)
        try values.encode(Int(Frame.majorVersion), forKey: .formatVersion)
        try values.encode(isComplete, forKey: .complete)
        try values.encode(unfinishedTail, forKey: .unfinished)
        try values.encode(damage, forKey: .damage)
        try values.encode(blocks, forKey: .blocks)
        try values.encode(timeRange?.lowerBound, forKey: .start)
        try values.encode(timeRange?.upperBound, forKey: .end)
        try values.encode(pcpus, forKey: .pcpus)
        try values.encode(records.values.reduce(0, &+), forKey: .events)
        try values.encode(
            Dictionary(uniqueKeysWithValues: records.map { ($0.tracepoint, $1) }), forKey: .records)
        try values.encode(accesses, forKey: .accesses)
        try values.encode(isCapped, forKey: .capped)
        try values.encode(lost, forKey: .lost)
        try values.encode(vcpus, forKey: .vcpus)
        try values.encode(unattributed, forKey: .unattributed)
        try values.encode(unattributedThreads, forKey: .unattributedThreads)
        try values.encode(metadata.blindSpots, forKey: .blindSpots)
        try values.encode(metadata, forKey: .metadata)
    }

    /// One object, keys sorted, with a final newline.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension TraceInfo.Lost: Encodable {
    private enum CodingKeys: String, CodingKey { case total, lowerBound, byCPU, byTracepoint, granularity }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(total, forKey: .total)
        try values.encode(isLowerBound, forKey: .lowerBound)
        try values.encode(Dictionary(uniqueKeysWithValues: byCPU.map { (String($0), $1) }), forKey: .byCPU)
        try values.encode(
            Dictionary(uniqueKeysWithValues: byTracepoint.map { ($0.tracepoint, $1) }), forKey: .byTracepoint)
        try values.encode(granularity, forKey: .granularity)
    }
}

extension TraceDamage: Encodable {
    private enum CodingKeys: String, CodingKey { case offset, length, reason, pcpu, earliest, latest, events }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(range.lowerBound, forKey: .offset)
        try values.encode(range.upperBound - range.lowerBound, forKey: .length)
        try values.encode(reason, forKey: .reason)
        try values.encode(pcpu, forKey: .pcpu)
        try values.encode(interval?.lowerBound, forKey: .earliest)
        try values.encode(interval?.upperBound, forKey: .latest)
        try values.encode(events, forKey: .events)
    }
}
