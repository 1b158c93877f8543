/// One figure: a ratio measured against a peer or a limit in the same run.
public struct BenchResult: Equatable, Sendable {
    /// A stable name, `section.what`.
    public var name: String
    public var value: Double
    /// What the value is a ratio of, in words, or its unit.
    public var unit: String
    /// What it was measured against, with the figure it came to.
    public var peer: String
    /// The commands or kernels that were timed.
    public var how: String

    public init(name: String, value: Double, unit: String, peer: String, how: String) {
        self.name = name
        self.value = value
        self.unit = unit
        self.peer = peer
        self.how = how
    }
}

/// Something that could not be measured here, and why.
public struct BenchSkip: Equatable, Sendable {
    public var name: String
    public var why: String

    public init(name: String, why: String) {
        self.name = name
        self.why = why
    }
}

/// How thoroughly to measure.
public struct BenchEffort: Equatable, Sendable {
    /// Interleaved runs of each contender; medians are taken over them.
    public var rounds: Int
    /// Bytes of each column that `diff` compares.
    public var columnBytes: Int
    /// Events of the synthetic traces.
    public var events: Int
    /// Register accesses of the real guests that the recorders are measured on.
    public var guestAccesses: Int
    /// Those of the recording that is then decoded and replayed; nil for as many.
    public var capturedAccesses: Int?
    /// Bytes of the large trace that is opened.
    public var largeTraceBytes: Int
    /// Events of the longest trace of the scaling curves.
    public var scaleEvents: Int
    /// Where plots go; nil for nowhere.
    public var plots: String?

    /// Seconds that a recorder is given to start.
    public var settling: Double { rounds > 1 ? 1 : 0.3 }

    /// What figures are quoted from.
    public static let full = BenchEffort(
        rounds: 7, columnBytes: 1 << 30, events: 20_000_000, guestAccesses: 480_000, largeTraceBytes: 10_000_000_000,
        scaleEvents: 1_000_000_000, capturedAccesses: 1_920_000)
    /// Seconds in all: shows that everything runs, and nothing else.
    public static let smoke = BenchEffort(
        rounds: 1, columnBytes: 8 << 20, events: 100_000, guestAccesses: 4_000, largeTraceBytes: 4_000_000,
        scaleEvents: 200_000)

    public init(
        rounds: Int, columnBytes: Int, events: Int, guestAccesses: Int, largeTraceBytes: Int, scaleEvents: Int = 20_000,
        capturedAccesses: Int? = nil
    ) {
        self.scaleEvents = scaleEvents
        self.capturedAccesses = capturedAccesses
        self.rounds = rounds
        self.columnBytes = columnBytes
        self.events = events
        self.guestAccesses = guestAccesses
        self.largeTraceBytes = largeTraceBytes
    }
}

/// The figures of a run.
public struct BenchOutcome: Equatable, Sendable {
    public var results: [BenchResult] = []
    public var skipped: [BenchSkip] = []

    public init() {}

    mutating func add(_ name: String, _ value: Double, _ unit: String, peer: String, how: String) {
        results.append(BenchResult(name: name, value: value, unit: unit, peer: peer, how: how))
    }
}
