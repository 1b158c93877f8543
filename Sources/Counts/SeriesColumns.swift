/// The rows of a table as flat columns, in the canonical order of `SeriesKey`; rows with equal keys stay in the
/// order they were given.
///
/// All columns have `count` elements. Times are nanoseconds. Strings are indexes into `strings`.
public struct SeriesColumns: Equatable, Sendable {
    /// Every string once, in order of first use by the sorted rows.
    public internal(set) var strings: [String] = []
    public internal(set) var owner: [UInt32] = []
    /// -1 where the series is not bound to a pCPU.
    public internal(set) var pcpu: [Int32] = []
    /// `UInt32.max` where there is none.
    public internal(set) var counter: [UInt32] = []
    public internal(set) var event: [UInt32] = []
    public internal(set) var reason: [UInt32] = []
    public internal(set) var mark: [Mark] = []
    /// Which of `counts`, `lo`, `hi` hold a number; the others hold 0.
    public internal(set) var known: [Known] = []
    public internal(set) var counts: [UInt64] = []
    public internal(set) var lo: [UInt64] = []
    public internal(set) var hi: [UInt64] = []
    public internal(set) var enabledNs: [UInt64] = []
    public internal(set) var runningNs: [UInt64] = []
    public internal(set) var silentNs: [UInt64] = []
    public internal(set) var blindNs: [UInt64] = []
    public internal(set) var crossMappedNs: [UInt64] = []
    /// Digests of when each row ran; 0 where `known` lacks `.schedule`.
    public internal(set) var schedule: [UInt64] = []

    /// Presence bits of a row's three numbers. The raw value is part of the counts file.
    public struct Known: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let count = Known(rawValue: 1)
        public static let lo = Known(rawValue: 2)
        public static let hi = Known(rawValue: 4)
        public static let schedule = Known(rawValue: 8)
    }

    static let noString = UInt32.max

    public init(_ rows: [Series]) {
        self.init(sorted: SeriesColumns.canonicalOrder(rows).map { rows[$0] })
    }

    /// The indexes of `rows` in canonical order.
    static func canonicalOrder(_ rows: [Series]) -> [Int] {
        rows.indices.sorted { a, b in
            rows[a].key == rows[b].key ? a < b : rows[a].key < rows[b].key
        }
    }

    init(sorted rows: [Series]) {
        var index: [String: UInt32] = [:]
        func intern(_ string: String) -> UInt32 {
            if let known = index[string] { return known }
            let next = UInt32(strings.count)
            strings.append(string)
            index[string] = next
            return next
        }
        for row in rows {
            owner.append(intern(row.key.owner))
            pcpu.append(row.key.pcpu.map(Int32.init) ?? -1)
            counter.append(row.key.counter.map(intern) ?? SeriesColumns.noString)
            event.append(intern(row.key.event))
            reason.append(intern(row.reason))
            mark.append(row.reading.mark)
            var bits: Known = []
            if row.reading.count != nil { bits.insert(.count) }
            if row.reading.lo != nil { bits.insert(.lo) }
            if row.reading.hi != nil { bits.insert(.hi) }
            if row.schedule != nil { bits.insert(.schedule) }
            known.append(bits)
            counts.append(row.reading.count ?? 0)
            lo.append(row.reading.lo ?? 0)
            hi.append(row.reading.hi ?? 0)
            enabledNs.append(row.enabledNs)
            runningNs.append(row.runningNs)
            silentNs.append(row.silentNs)
            blindNs.append(row.blindNs)
            crossMappedNs.append(row.crossMappedNs)
            schedule.append(row.schedule ?? 0)
        }
    }
}

extension SeriesColumns: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { owner.count }

    public subscript(row: Int) -> Series {
        Series(
            key: key(row), reading: reading(row), reason: strings[Int(reason[row])], enabledNs: enabledNs[row],
            runningNs: runningNs[row], silentNs: silentNs[row], blindNs: blindNs[row],
            crossMappedNs: crossMappedNs[row], schedule: known[row].contains(.schedule) ? schedule[row] : nil)
    }

    public func key(_ row: Int) -> SeriesKey {
        SeriesKey(
            owner: strings[Int(owner[row])], pcpu: pcpu[row] < 0 ? nil : Int(pcpu[row]),
            counter: counter[row] == SeriesColumns.noString ? nil : strings[Int(counter[row])],
            event: strings[Int(event[row])])
    }

    public func reading(_ row: Int) -> Reading {
        let known = known[row]
        switch mark[row] {
        case .exact: return .exact(counts[row])
        case .unknown: return .unknown
        case .bounded:
            return .bounded(
                known.contains(.lo) ? lo[row] : nil, known.contains(.hi) ? hi[row] : nil,
                guess: known.contains(.count) ? counts[row] : nil)
        }
    }
}
