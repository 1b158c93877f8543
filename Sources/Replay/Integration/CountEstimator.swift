import PMU
import Timeline

/// What is known of a count over a stretch of a context's time.
///
/// Whole segments without a gap give the number itself. For the rest it says only what must hold: a part of a segment
/// counted no more than the segment, and nothing counts faster than the hardware can. Where both sides of a short gap
/// were measured in a context whose rate no other thread disturbs, the rates around it bound it, widened.
struct CountEstimator: Sendable {
    let measurements: Measurements
    private let eventsPerSecond: UInt64

    /// Bounds from rates are widened by this share of them on each side.
    static let wideningPerMille: UInt64 = 20

    init(_ measurements: Measurements, model: ProcessorModel) {
        self.measurements = measurements
        let (product, overflow) = model.maxEventsPerCycle.multipliedReportingOverflow(by: model.maxFrequency)
        eventsPerSecond = overflow ? .max : product
    }

    /// The most that can happen in `ns`.
    func limit(_ ns: UInt64) -> UInt64 {
        let most = scaled(eventsPerSecond, ns, 1_000_000_000)
        return most == .max ? .max : most + 1
    }

    /// The count of an event over `from ..< to`. `tracks` are those of its context and config, the event's own first.
    func count(_ tracks: [Int], from: UInt64, to: UInt64, rates: RateTrust) -> CountBounds {
        if from >= to { return .exact(0) }
        var best: (covered: UInt64, track: Int)?
        for track in tracks {
            if let count = measurements.tracks[track].exactCount(from: from, to: to) { return .exact(count) }
            let covered = coverage(measurements.tracks[track], from, to)
            if covered > best?.covered ?? 0 { best = (covered, track) }
        }
        guard let best else {
            let track = tracks.first { !measurements.tracks[$0].from.isEmpty }
            if let track { return gap(measurements.tracks[track], from, to, rates) }
            return CountBounds(lo: 0, hi: limit(to - from), guess: 0, basis: .physicalLimit)
        }
        return walk(measurements.tracks[best.track], from, to, rates)
    }

    /// Whether a context's rate between two measurements can be told from them.
    enum RateTrust: Sendable {
        /// One thread in one mode: what it does changes in phases.
        case uniform
        /// Whoever happens to run.
        case mixed
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

    private func walk(_ track: MeasuredTrack, _ from: UInt64, _ to: UInt64, _ rates: RateTrust) -> CountBounds {
        var sum = CountBounds()
        var at = from
        var index = track.firstEnding(after: from)
        while at < to {
            guard index < track.from.count, track.from[index] < to else {
                sum = sum + gap(track, at, to, rates)
                break
            }
            if track.from[index] > at {
                sum = sum + gap(track, at, track.from[index], rates)
                at = track.from[index]
            }
            let end = min(to, track.to[index])
            sum = sum + part(track, index, at, end, rates)
            at = end
            index += 1
        }
        if track.isIrregular, sum.basis == .exact { sum.basis = .neighbours }
        return sum
    }

    /// `from ..< to` lies inside segment `index`.
    private func part(
        _ track: MeasuredTrack, _ index: Int, _ from: UInt64, _ to: UInt64, _ rates: RateTrust
    ) -> CountBounds {
        let delta = track.delta[index]
        let length = track.to[index] - track.from[index]
        let overlap = to - from
        if delta == .max { return gap(track, from, to, rates) }
        if track.trust == .mayHaveJumped {
            let most = limit(overlap)
            let share = scaled(delta, overlap, length)
            return CountBounds(lo: 0, hi: most, guess: share <= most ? share : 0, basis: .physicalLimit)
        }
        if overlap == length { return .exact(delta) }
        let rest = limit(length - overlap)
        var bounds = CountBounds(
            lo: delta > rest ? delta - rest : 0, hi: min(delta, limit(overlap)), guess: scaled(delta, overlap, length),
            basis: .neighbours)
        if rates == .uniform, let left = known(track, index - 1), let right = known(track, index + 1) {
            tighten(&bounds, [left, index, right].map { (track.delta[$0], track.to[$0] - track.from[$0]) }, overlap)
        }
        bounds.guess = min(max(bounds.guess, bounds.lo), bounds.hi)
        return bounds
    }

    /// `from ..< to` lies between segments, or in one of unknown count.
    private func gap(_ track: MeasuredTrack, _ from: UInt64, _ to: UInt64, _ rates: RateTrust) -> CountBounds {
        let length = to - from
        var bounds = CountBounds(lo: 0, hi: limit(length), guess: 0, basis: .physicalLimit)
        let next = track.firstEnding(after: to - 1)
        let right = track.from.indices.contains(next) && track.from[next] >= to ? known(track, next) : nil
        let left = known(track, track.firstEnding(after: from) - 1)
        guard let near = left ?? right else { return bounds }
        bounds.guess = min(
            scaled(track.delta[near], length, track.to[near] - track.from[near]), bounds.hi)
        guard rates == .uniform, track.trust == .counted, let left, let right else { return bounds }
        let whole = track.from[right] - track.to[left]
        let around = (stretch(track, left, -1), stretch(track, right, 1))
        guard whole <= around.0.length + around.1.length else { return bounds }
        bounds.basis = .neighbours
        tighten(&bounds, around.0.pairs + around.1.pairs, length)
        bounds.guess = min(max(bounds.guess, bounds.lo), bounds.hi)
        return bounds
    }

    private func known(_ track: MeasuredTrack, _ index: Int) -> Int? {
        track.delta.indices.contains(index) && track.delta[index] != .max ? index : nil
    }

    /// Up to four segments next to a gap, and their length.
    private func stretch(
        _ track: MeasuredTrack, _ index: Int, _ direction: Int
    ) -> (length: UInt64, pairs: [(UInt64, UInt64)]) {
        var length: UInt64 = 0
        var pairs: [(UInt64, UInt64)] = []
        var at = index
        while pairs.count < 4, known(track, at) != nil {
            let own = track.to[at] - track.from[at]
            pairs.append((track.delta[at], own))
            length += own
            at += direction
        }
        return (length, pairs)
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
