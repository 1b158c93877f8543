import Foundation

/// The JSON of `vpmu replay --json`; `Schema/counts.schema.json` describes it. Numbers that are not known are null.
extension CountsTable: Codable {
    /// Raised only when a field changes its meaning or goes away; fields may be added under the same number.
    public static let schemaVersion = 1

    enum CodingKeys: String, CodingKey {
        case schemaVersion, policy, trace, start, end, series, checkpoints, operations, openLoop, displaced, taints
        case notices
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(CountsTable.schemaVersion, forKey: .schemaVersion)
        try container.encode(policy, forKey: .policy)
        try container.encode(trace, forKey: .trace)
        try container.encode(start, forKey: .start)
        try container.encode(end, forKey: .end)
        try container.encode(series.map { $0 }, forKey: .series)
        try container.encodeIfPresent(checkpoints, forKey: .checkpoints)
        try container.encode(operations, forKey: .operations)
        try container.encode(openLoop, forKey: .openLoop)
        try container.encode(displaced, forKey: .displaced)
        try container.encode(taints, forKey: .taints)
        try container.encode(notices, forKey: .notices)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let version = try container.decode(Int.self, forKey: .schemaVersion)
        guard version == CountsTable.schemaVersion else {
            throw DecodingError.dataCorruptedError(
                forKey: .schemaVersion, in: container,
                debugDescription: "schemaVersion \(version); this vpmu reads \(CountsTable.schemaVersion)")
        }
        let rows = try container.decode([Series].self, forKey: .series)
        let checkpoints = try container.decodeIfPresent(Checkpoints.self, forKey: .checkpoints)
        if let checkpoints, !checkpoints.times.isEmpty, checkpoints.seriesCount != rows.count {
            throw DecodingError.dataCorruptedError(
                forKey: .checkpoints, in: container,
                debugDescription: "checkpoints for \(checkpoints.seriesCount) series, but there are \(rows.count)")
        }
        self.init(
            policy: try container.decode(String.self, forKey: .policy),
            trace: try container.decodeIfPresent(String.self, forKey: .trace),
            start: try container.decodeIfPresent(UInt64.self, forKey: .start) ?? 0,
            end: try container.decodeIfPresent(UInt64.self, forKey: .end) ?? 0,
            series: rows, checkpoints: checkpoints,
            operations: try container.decodeIfPresent([OperationCounts].self, forKey: .operations) ?? [],
            openLoop: try container.decodeIfPresent([OpenLoopItem].self, forKey: .openLoop) ?? [],
            displaced: try container.decodeIfPresent([DisplacedEvent].self, forKey: .displaced) ?? [],
            taints: try container.decodeIfPresent([Taint].self, forKey: .taints) ?? [],
            notices: try container.decodeIfPresent([Notice].self, forKey: .notices) ?? [])
    }

    /// One policy gives an object, several an array of objects. Sorted keys and a final newline: same table, same
    /// bytes.
    public static func json(_ tables: [CountsTable]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        let data = try tables.count == 1 ? encoder.encode(tables[0]) : encoder.encode(tables)
        return String(decoding: data, as: UTF8.self) + "\n"
    }
}

extension Series: Codable {
    enum CodingKeys: String, CodingKey {
        case owner, pcpu, counter, event, count, lo, hi, mark, reason, enabledNs, runningNs, silentNs, blindNs
        case crossMappedNs, schedule
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(key.owner, forKey: .owner)
        try container.encode(key.pcpu, forKey: .pcpu)
        try container.encode(key.counter, forKey: .counter)
        try container.encode(key.event, forKey: .event)
        try container.encode(reading.count, forKey: .count)
        try container.encode(reading.lo, forKey: .lo)
        try container.encode(reading.hi, forKey: .hi)
        try container.encode(reading.mark, forKey: .mark)
        try container.encode(reason, forKey: .reason)
        try container.encode(enabledNs, forKey: .enabledNs)
        try container.encode(runningNs, forKey: .runningNs)
        try container.encode(silentNs, forKey: .silentNs)
        try container.encode(blindNs, forKey: .blindNs)
        try container.encode(crossMappedNs, forKey: .crossMappedNs)
        try container.encode(schedule.map { String($0, radix: 16) }, forKey: .schedule)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let pcpu = try container.decodeIfPresent(Int32.self, forKey: .pcpu)
        if let pcpu, pcpu < 0 {
            throw DecodingError.dataCorruptedError(
                forKey: .pcpu, in: container, debugDescription: "pcpu \(pcpu) is negative")
        }
        let key = SeriesKey(
            owner: try container.decode(String.self, forKey: .owner), pcpu: pcpu.map(Int.init),
            counter: try container.decodeIfPresent(String.self, forKey: .counter),
            event: try container.decode(String.self, forKey: .event))
        let mark = try container.decode(Mark.self, forKey: .mark)
        guard
            let reading = Reading(
                checking: mark, count: try container.decodeIfPresent(UInt64.self, forKey: .count),
                lo: try container.decodeIfPresent(UInt64.self, forKey: .lo),
                hi: try container.decodeIfPresent(UInt64.self, forKey: .hi))
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .mark, in: container,
                debugDescription: "\(key) is marked \(mark.name), which its count, lo and hi contradict")
        }
        let digest = try container.decodeIfPresent(String.self, forKey: .schedule)
        let schedule = digest.flatMap { UInt64($0, radix: 16) }
        if digest != nil, schedule == nil {
            throw DecodingError.dataCorruptedError(
                forKey: .schedule, in: container, debugDescription: "schedule \(digest!) is no hexadecimal number")
        }
        self.init(
            key: key, reading: reading, reason: try container.decodeIfPresent(String.self, forKey: .reason) ?? "",
            enabledNs: try container.decode(UInt64.self, forKey: .enabledNs),
            runningNs: try container.decode(UInt64.self, forKey: .runningNs),
            silentNs: try container.decode(UInt64.self, forKey: .silentNs),
            blindNs: try container.decode(UInt64.self, forKey: .blindNs),
            crossMappedNs: try container.decodeIfPresent(UInt64.self, forKey: .crossMappedNs) ?? 0, schedule: schedule)
    }
}
