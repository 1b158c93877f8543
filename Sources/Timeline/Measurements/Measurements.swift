import PMU

/// What the trace shows of counts, by context and event, laid out on each context's own time.
///
/// A *track* is one source's segments (a virtual counter's, a host event's), which do not overlap. Several tracks may
/// measure the same event in the same context.
public struct Measurements: Sendable {
    public private(set) var tracks: [MeasuredTrack] = []
    private var byKey: [Key: [Int]] = [:]

    private struct Key: Hashable {
        var axis: ModeClocks.Axis
        var config: UInt64
    }

    public init() {}

    /// The tracks that measured `config` (its control bits do not matter) in the context, in a stable order.
    public func tracks(of axis: ModeClocks.Axis, config: UInt64) -> [Int] {
        byKey[Key(axis: axis, config: EventSelect.bare(config))] ?? []
    }

    /// The number of the track of one source, made if there is none.
    mutating func track(
        axis: ModeClocks.Axis, config: UInt64, source: Int, trust: MeasuredTrack.Trust = .counted
    ) -> Int {
        let key = Key(axis: axis, config: EventSelect.bare(config))
        for track in byKey[key] ?? [] where tracks[track].source == source { return track }
        tracks.append(MeasuredTrack(config: key.config, source: source, trust: trust))
        byKey[key, default: []].append(tracks.count - 1)
        return tracks.count - 1
    }

    mutating func add(track: Int, from: UInt64, to: UInt64, delta: UInt64?) {
        tracks[track].append(from: from, to: to, delta: delta)
    }

    mutating func finish() {
        for track in tracks.indices { tracks[track].finish() }
    }
}

/// One source's segments, flat, rising and without overlap, in ns of the context's own time.
public struct MeasuredTrack: Sendable {
    /// The event, without control bits.
    public let config: UInt64
    /// What tells sources of one context and event apart: a virtual counter's index, or a host event's.
    public let source: Int
    public private(set) var from: [UInt64] = []
    public private(set) var to: [UInt64] = []
    /// Events counted; `.max` where the trace hides the value at the end.
    public private(set) var delta: [UInt64] = []
    /// Sum of the deltas before each segment.
    private var sums: [UInt64] = []
    /// Number of the gapless, fully known chain each segment is in; -1 for one of unknown count.
    private var chains: [Int32] = []
    /// A count was shown while the context's time stood still, so the axis is not this counter's own.
    public private(set) var isIrregular = false

    /// A mediated guest writes its counters unseen: a segment's difference is the count only if it did not.
    public let trust: Trust

    public enum Trust: Sendable { case counted, mayHaveJumped }

    static let hidden = UInt64.max

    init(config: UInt64, source: Int, trust: Trust) {
        self.config = config
        self.source = source
        self.trust = trust
    }

    mutating func append(from first: UInt64, to last: UInt64, delta count: UInt64?) {
        if first >= last {
            if count ?? 0 != 0 { isIrregular = true }
            return
        }
        if let end = to.last, first < end {
            isIrregular = true
            return
        }
        from.append(first)
        to.append(last)
        delta.append(count ?? MeasuredTrack.hidden)
    }

    mutating func finish() {
        var sum: UInt64 = 0
        var chain: Int32 = 0
        sums.removeAll()
        chains.removeAll()
        for index in from.indices {
            sums.append(sum)
            if delta[index] == MeasuredTrack.hidden {
                chains.append(-1)
                chain += 1
                continue
            }
            if index > 0, from[index] != to[index - 1] { chain += 1 }
            chains.append(chain)
            sum &+= delta[index]
        }
        sums.append(sum)
    }

    /// The index of the first segment that ends after `time`.
    public func firstEnding(after time: UInt64) -> Int {
        var low = 0
        var high = to.count
        while low < high {
            let middle = (low + high) / 2
            if to[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The count over `first ..< last` if whole segments without a gap make it up, else nil.
    public func exactCount(from first: UInt64, to last: UInt64) -> UInt64? {
        if first == last { return 0 }
        if isIrregular || trust == .mayHaveJumped { return nil }
        let begin = firstEnding(after: first)
        guard begin < from.count, from[begin] == first, chains[begin] >= 0 else { return nil }
        let end = firstEnding(after: last - 1)
        guard end < to.count, to[end] == last, chains[end] == chains[begin] else { return nil }
        return sums[end + 1] &- sums[begin]
    }
}
