import Trace

/// What an import took, passed over, and could not read.
public struct ImportSummary: Equatable, Sendable, Codable {
    /// What the input turned out to be, e.g. `perf.data (file mode, zstd)`.
    public var form: String
    /// Records taken, by `system:name` of our seven tracepoints; those that do not occur are absent.
    public var taken: [Count]
    /// Records of other events, by the name the input gives them.
    public var others: [Count]
    /// Records of our tracepoints left out on request because they touch no PMU register.
    public var filtered: UInt64
    /// Rows of text, or records, that nobody could read, by kind.
    public var notUnderstood: [Count]
    /// Records the kernel made and the recorder lost, as far as they are counted.
    public var lost: UInt64
    /// Places where records were lost without a number.
    public var lostUncounted: UInt64
    /// What the reader of the trace should know, one sentence each.
    public var notes: [String]
    /// Where the input is damaged; empty for a whole one.
    public var damage: [ImportDamage]
    /// Damaged places beyond those listed.
    public var damageUnlisted: UInt64

    public struct Count: Equatable, Sendable, Codable {
        public var name: String
        public var records: UInt64
        public init(name: String, records: UInt64) {
            self.name = name
            self.records = records
        }
    }

    public init(form: String) {
        self.form = form
        taken = []
        others = []
        filtered = 0
        notUnderstood = []
        lost = 0
        lostUncounted = 0
        notes = []
        damage = []
        damageUnlisted = 0
    }

    /// All records taken.
    public var takenTotal: UInt64 { taken.reduce(0) { $0.addingSaturated($1.records) } }
    /// All records of other events.
    public var othersTotal: UInt64 { others.reduce(0) { $0.addingSaturated($1.records) } }
    /// The records taken of one tracepoint.
    public func taken(_ kind: EventKind) -> UInt64 {
        taken.first { $0.name == kind.qualifiedName }?.records ?? 0
    }
}

/// Counts names that the input makes up: at most `limit` different ones, the rest together.
struct NameTally {
    private static let limit = 4096
    private var index: [String: Int] = [:]
    private var counts: [ImportSummary.Count] = []

    mutating func add(_ name: String, _ records: UInt64 = 1) {
        let name = name.keptLength
        if let at = index[name] {
            counts[at].records = counts[at].records.addingSaturated(records)
        } else if counts.count < Self.limit {
            index[name] = counts.count
            counts.append(.init(name: name, records: records))
        } else {
            let rest = "(further names)"
            if let at = index[rest] {
                counts[at].records = counts[at].records.addingSaturated(records)
            } else {
                index[rest] = counts.count
                counts.append(.init(name: rest, records: records))
            }
        }
    }

    var total: UInt64 { counts.reduce(0) { $0.addingSaturated($1.records) } }

    /// Most frequent first, then by name.
    var sorted: [ImportSummary.Count] {
        counts.sorted { $0.records != $1.records ? $0.records > $1.records : $0.name < $1.name }
    }
}
