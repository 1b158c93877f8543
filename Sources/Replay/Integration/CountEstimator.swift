import PMU
import Timeline

/// What is known of a count over a stretch of a context's time.
///
/// Whole segments without a gap give the number itself. For the rest it says only what must hold: a part of a segment
/// counted no more than the segment, and nothing counts faster than the hardware can. Three assumptions narrow that,
/// and the basis of the bounds tells which of them they rest on:
///
/// - `neighbours`: both sides of a gap were measured for at least as long as the gap, in a context whose rate no other
///   thread disturbs. The rate in between is taken for one between theirs, widened.
/// - `unwritten`: a mediated guest may write its counters unseen. Where two segments next to each other differ by less
///   than half in their rates it is taken not to have done so in them; such a write would have had to be in step with
///   what counts.
/// - `pace`: one side of the gap was measured, for at least four times as long as the gap. The rate in it is taken for
///   at most twice the fastest at which the trace shows the event, and, where one thread's rate is all that counts, for
///   at least half the slowest of its neighbours.
///
/// Where none of them holds the bounds are what the hardware can do.
struct CountEstimator: Sendable {
    let measurements: Measurements
    private let model: ProcessorModel
    /// The fastest rate at which each event was measured, events per second, by its bare config.
    private let fastest: [UInt64: UInt64]
    private let credible: [[Bool]]

    /// Bounds from rates are widened by this share of them on each side.
    static let wideningPerMille: UInt64 = 20
    /// How many times as long as a gap its neighbour must have been measured for its pace to bound the gap.
    static let paceReach: UInt64 = 4
    /// Shorter segments with less than `fewEvents` say little of a rate, ns.
    private static let shortSegment: UInt64 = 50_000
    private static let fewEvents: UInt64 = 16

    init(_ measurements: Measurements, model: ProcessorModel) {
        self.measurements = measurements
        self.model = model
        let credible = measurements.tracks.map {
            CountEstimator.credible($0, model.physicalLimit(of: $0.config))
        }
        self.credible = credible
        fastest = CountEstimator.fastest(measurements, credible)
    }

    /// The segments of a track that may have jumped which tell a count all the same; empty for other tracks.
    private static func credible(_ track: MeasuredTrack, _ limit: PhysicalLimit) -> [Bool] {
        guard track.trust == .mayHaveJumped else { return [] }
        func agree(_ a: Int, _ b: Int) -> Bool {
            guard track.delta.indices.contains(b), track.delta[a] != .max, track.delta[b] != .max else { return false }
            let (x, y) = (track.to[a] - track.from[a], track.to[b] - track.from[b])
            if track.delta[a] > CountEstimator.most(limit, over: x) { return false }
            // A guest that arms its counter anew at every interrupt leaves next to nothing from one interrupt to the
            // next.
            if x >= shortSegment, track.delta[a] < fewEvents { return false }
            // Counts of one event more or less, over a time as long as the other's.
            let (least, most) = (scaled(max(track.delta[b], 1) - 1, x, y), scaled(track.delta[b] + 1, x, y))
            return track.delta[a] + 1 >= least - least / 3
                && track.delta[a] <= most.addingReportingOverflow(most / 2).partialValue + 1
        }
        return track.from.indices.map { agree($0, $0 - 1) || agree($0, $0 + 1) }
    }

    private static func fastest(_ measurements: Measurements, _ credible: [[Bool]]) -> [UInt64: UInt64] {
        var fastest: [UInt64: UInt64] = [:]
        for (number, track) in measurements.tracks.enumerated() where !track.isIrregular {
            for index in track.from.indices where track.delta[index] != .max {
                if track.trust == .mayHaveJumped, !credible[number][index] { continue }
                let length = track.to[index] - track.from[index]
                guard track.delta[index] >= fewEvents || length >= shortSegment else { continue }
                let rate = scaled(track.delta[index] + 1, 1_000_000_000, length)
                fastest[track.config, default: 0] = max(fastest[track.config, default: 0], rate)
            }
        }
        return fastest
    }

    /// Twice the fastest rate at which the trace shows `config`, events per second; nil where it shows none.
    func pace(of config: UInt64) -> UInt64? {
        guard let rate = fastest[EventSelect.bare(config)] else { return nil }
        let (twice, overflow) = rate.multipliedReportingOverflow(by: 2)
        return overflow ? nil : twice
    }

    /// What the hardware can count of an event.
    func physicalLimit(of config: UInt64) -> PhysicalLimit { model.physicalLimit(of: config) }

    /// The most that is counted in `ns`.
    func limit(_ limit: PhysicalLimit, over ns: UInt64) -> UInt64 { CountEstimator.most(limit, over: ns) }

    private static func most(_ limit: PhysicalLimit, over ns: UInt64) -> UInt64 {
        let (most, overflow) = scaled(limit.perSecond, ns, 1_000_000_000).addingReportingOverflow(limit.atOnce + 1)
        return overflow ? .max : most
    }

    /// What the counts of one event in one context are worked out from.
    struct Source: Sendable {
        /// The tracks that measured it, the event's own first.
        var tracks: [Int]
        var rates: RateTrust
        /// Twice its fastest rate, nil if it was never measured.
        var pace: UInt64?
        /// What the hardware can count of it.
        var most: PhysicalLimit
    }

    /// The count of an event over `from ..< to`.
    func count(_ source: Source, from: UInt64, to: UInt64) -> CountBounds {
        if from >= to { return .exact(0) }
        var best: (covered: UInt64, track: Int)?
        for track in source.tracks {
            if let count = measurements.tracks[track].exactCount(from: from, to: to) { return .exact(count) }
            let covered = coverage(measurements.tracks[track], from, to)
            if covered > best?.covered ?? 0 { best = (covered, track) }
        }
        guard let best else {
            let track = source.tracks.first { !measurements.tracks[$0].from.isEmpty }
            if let track { return gap(track, source, from, to) }
            return .unmeasured(source.most, over: to - from)
        }
        return walk(best.track, source, from, to)
    }

    /// Whether a context's rate between two measurements can be told from them.
    enum RateTrust: Sendable {
        /// One thread in one mode: what it does changes in phases.
        case uniform
        /// Whoever happens to run.
        case mixed
        /// Whoever happens to run, and nobody knows whether guests are counted.
        case unclear
    }

    private func coverage(_ track: MeasuredTrack, _ from: UInt64, _ to: UInt64) -> UInt64 {
        var covered: UInt64 = 0
        var index = track.firstEnding(after: from)
        while index < track.from.count, track.from[index] < to {
            if track.delta[index] != .max { covered += min(to, track.to[index]) - max(from, track.from[index]) }
            index += 1
        }
        return covered
    }

    private func walk(_ number: Int, _ source: Source, _ from: UInt64, _ to: UInt64) -> CountBounds {
        let track = measurements.tracks[number]
        var others = source
        others.tracks.removeAll { $0 == number }
        /// What this track does not show another one may.
        func elsewhere(_ from: UInt64, _ to: UInt64) -> CountBounds {
            let own = gap(number, source, from, to)
            guard others.tracks.contains(where: { coverage(measurements.tracks[$0], from, to) > 0 }) else { return own }
            let other = count(others, from: from, to: to)
            return other.basis == .exact || other.hi - other.lo <= own.hi - own.lo ? other : own
        }
        var sum = CountBounds()
        var at = from
        var index = track.firstEnding(after: from)
        while at < to {
            guard index < track.from.count, track.from[index] < to else {
                sum = sum + elsewhere(at, to)
                break
            }
            if track.from[index] > at {
                sum = sum + elsewhere(at, track.from[index])
                at = track.from[index]
            }
            let end = min(to, track.to[index])
            sum = sum + (known(number, index) == nil ? elsewhere(at, end) : part(number, source, index, at, end))
            at = end
            index += 1
        }
        if track.isIrregular, sum.basis == .exact { sum.basis = .neighbours }
        return sum
    }

    /// `from ..< to` lies inside segment `index`, whose count is known.
    private func part(
        _ number: Int, _ source: Source, _ index: Int, _ from: UInt64, _ to: UInt64
    ) -> CountBounds {
        let track = measurements.tracks[number]
        let delta = track.delta[index]
        let length = track.to[index] - track.from[index]
        let overlap = to - from
        if overlap == length {
            guard track.trust == .mayHaveJumped else { return .exact(delta) }
            return CountBounds(lo: delta, hi: delta, guess: delta, basis: .unwritten)
        }
        let rest = limit(source.most, over: length - overlap)
        var bounds = CountBounds(
            lo: delta > rest ? delta - rest : 0, hi: min(delta, limit(source.most, over: overlap)),
            guess: scaled(delta, overlap, length),
            basis: track.trust == .counted ? .neighbours : .unwritten)
        if bounds.lo > bounds.hi {
            // More than the hardware can do: its time was not all on this axis.
            bounds = CountBounds(lo: 0, hi: delta, guess: bounds.guess, basis: .physicalLimit)
        }
        if track.trust == .counted, source.rates == .uniform, let left = known(number, index - 1),
            let right = known(number, index + 1)
        {
            tighten(&bounds, [left, index, right].map { (track.delta[$0], track.to[$0] - track.from[$0]) }, overlap)
        }
        bounds.guess = min(max(bounds.guess, bounds.lo), bounds.hi)
        return bounds
    }

    /// `from ..< to` lies between segments, or in one of unknown count.
    private func gap(_ number: Int, _ source: Source, _ from: UInt64, _ to: UInt64) -> CountBounds {
        let track = measurements.tracks[number]
        let length = to - from
        var bounds = CountBounds(lo: 0, hi: limit(source.most, over: length), guess: 0, basis: .physicalLimit)
        var next = track.firstEnding(after: to - 1)
        // Where the gap is a segment of unknown count that one's neighbour is meant.
        if track.from.indices.contains(next), track.from[next] < to, track.to[next] == to { next += 1 }
        let right = nearest(number, next, 1)
        let left = nearest(number, track.firstEnding(after: from) - 1, -1)
        guard let near = left ?? right else { return bounds }
        bounds.guess = min(
            scaled(track.delta[near], length, track.to[near] - track.from[near]), bounds.hi)
        // How far from what was measured the stretch reaches, seen from either side.
        let before = left.map { stretch(number, $0, -1, reaching: to - track.to[$0]) }
        let after = right.map { stretch(number, $0, 1, reaching: track.from[$0] - from) }
        if track.trust == .counted, source.rates == .uniform, let left, let right, let before, let after,
            track.from[right] - track.to[left] <= before.length + after.length
        {
            bounds.basis = .neighbours
            tighten(&bounds, before.pairs + after.pairs, length)
        } else if source.rates != .unclear, let pace = source.pace,
            let side = [before, after].compactMap({ $0 }).filter({ $0.length / CountEstimator.paceReach >= $0.reach })
                .max(by: { $0.length < $1.length })
        {
            let most = scaled(pace, length, 1_000_000_000)
            let least = side.pairs.map { scaled($0.0, length, $0.1) }.min() ?? 0
            if most < bounds.hi { (bounds.hi, bounds.basis) = (most + 1, .pace) }
            // A mediated guest may stop its counters unseen, and where many run the next one may do nothing.
            if track.trust == .counted, source.rates == .uniform { bounds.lo = min(least / 2, bounds.hi) }
        }
        bounds.guess = min(max(bounds.guess, bounds.lo), bounds.hi)
        return bounds
    }

    /// The first segment of known count from `index` on, among a few.
    private func nearest(_ number: Int, _ index: Int, _ direction: Int) -> Int? {
        for step in 0..<CountEstimator.searched {
            if let found = known(number, index + direction * step) { return found }
        }
        return nil
    }

    /// Segments of unknown count that are passed over to find a neighbour of a gap.
    private static let searched = 4

    private func known(_ number: Int, _ index: Int) -> Int? {
        let track = measurements.tracks[number]
        guard track.delta.indices.contains(index), track.delta[index] != .max else { return nil }
        return track.trust == .counted || credible[number][index] ? index : nil
    }

    /// The segments next to a gap of `length`: up to four of them to tell a rate by, and how long the row of known ones
    /// is, as far as it matters.
    private func stretch(
        _ number: Int, _ index: Int, _ direction: Int, reaching length: UInt64
    ) -> (length: UInt64, reach: UInt64, pairs: [(UInt64, UInt64)]) {
        let track = measurements.tracks[number]
        var sum: UInt64 = 0
        var pairs: [(UInt64, UInt64)] = []
        var at = index
        let enough = length.multipliedReportingOverflow(by: CountEstimator.paceReach).partialValue
        while known(number, at) != nil, pairs.count < 4 || sum < enough {
            let own = track.to[at] - track.from[at]
            if pairs.count < 4 { pairs.append((track.delta[at], own)) }
            sum += own
            at += direction
        }
        return (sum, length, pairs)
    }

    /// Narrows `bounds` to what the rates in `pairs` (count, ns) give over `length`, widened.
    private func tighten(_ bounds: inout CountBounds, _ pairs: [(UInt64, UInt64)], _ length: UInt64) {
        var lo = UInt64.max
        var hi: UInt64 = 0
        for (count, ns) in pairs {
            let low = scaled(count > 0 ? count - 1 : 0, length, ns)
            let high = scaled(count + 1, length, ns)
            lo = min(lo, low - scaled(low, CountEstimator.wideningPerMille, 1000))
            let widening = scaled(high, CountEstimator.wideningPerMille, 1000)
            hi = max(hi, high.addingReportingOverflow(widening + 2).overflow ? .max : high + widening + 2)
        }
        lo = lo > 2 ? lo - 2 : 0
        guard lo <= bounds.hi, hi >= bounds.lo else { return }
        bounds.lo = max(bounds.lo, lo)
        bounds.hi = min(bounds.hi, hi)
    }
}
