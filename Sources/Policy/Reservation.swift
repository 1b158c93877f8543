import PMU

/// Counters set aside on some pCPUs: who may use which. Counters in nobody's share are out of everybody's reach.
public struct Reservation: Sendable, Equatable {
    public var pcpus: PCPUSet
    public var host: CounterShare
    public var guests: CounterShare
    /// Held by firmware or fault tolerance: nobody's, and in use when a VM powers on.
    public var firmware: CounterShare

    public init(
        pcpus: PCPUSet = .all, host: CounterShare = .everything, guests: CounterShare = .everything,
        firmware: CounterShare = .nothing
    ) {
        self.pcpus = pcpus
        self.host = host
        self.guests = guests
        self.firmware = firmware
    }

    /// The counters an event of `owner` may use on a PMU with `gp` and `fixed` counters.
    public func counters(for owner: EventOwner, gp: Int, fixed: Int) -> UInt64 {
        let share =
            switch owner {
            case .host: host
            case .guest: guests
            }
        return share.mask(gp: gp, fixed: fixed) & ~firmware.mask(gp: gp, fixed: fixed)
    }
}

/// A set of logical host CPUs.
public enum PCPUSet: Sendable, Equatable {
    case all
    /// Ranges in rising order that do not touch each other.
    case some([ClosedRange<Int>])

    public func contains(_ pcpu: Int) -> Bool {
        switch self {
        case .all: true
        case .some(let ranges): ranges.contains { $0.contains(pcpu) }
        }
    }

    public func intersects(_ other: PCPUSet) -> Bool {
        guard case .some(let ours) = self, case .some(let theirs) = other else { return true }
        return ours.contains { a in theirs.contains { a.overlaps($0) } }
    }

    /// Reads `all` or the kernel's list format, `0-3,8`; nil if the text is neither.
    public init?(list text: String) {
        if text == "all" {
            self = .all
            return
        }
        var ranges: [ClosedRange<Int>] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first >= 0,
                first <= last, last < 1 << 16
            else { return nil }
            ranges.append(first...last)
        }
        var merged: [ClosedRange<Int>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        self = .some(merged)
    }
}

/// Some of a PMU's counters, named so that it fits any processor.
public struct CounterShare: Sendable, Equatable {
    public var parts: [Part]

    public enum Part: Sendable, Equatable {
        case gp(ClosedRange<Int>)
        case fixed(ClosedRange<Int>)
        /// Of n GP counters the lower n - n/2.
        case lowerHalfOfGP
        /// Of n GP counters the upper n/2.
        case upperHalfOfGP
        case allGP
        case allFixed
    }

    public init(_ parts: [Part]) { self.parts = parts }
    public static let nothing = CounterShare([])
    public static let everything = CounterShare([.allGP, .allFixed])

    /// The share as a mask, cut to the counters there are.
    public func mask(gp: Int, fixed: Int) -> UInt64 {
        let allGP = (1 << UInt64(gp)) - 1 as UInt64
        let allFixed = ((1 << UInt64(fixed)) - 1 as UInt64) << 32
        let lower = (1 << UInt64(gp - gp / 2)) - 1 as UInt64
        var mask: UInt64 = 0
        for part in parts {
            switch part {
            case .gp(let range): for number in range where number < 32 { mask |= Counter.gp(number).bit }
            case .fixed(let range): for number in range where number < 16 { mask |= Counter.fixed(number).bit }
            case .lowerHalfOfGP: mask |= lower
            case .upperHalfOfGP: mask |= allGP & ~lower
            case .allGP: mask |= allGP
            case .allFixed: mask |= allFixed
            }
        }
        return mask & (allGP | allFixed)
    }
}

extension CounterShare.Part {
    /// Reads `gp0`, `gp0-3`, `fixed1`, `gp`, `fixed`, `gp-lower-half`, `gp-upper-half`; nil for anything else.
    public init?(_ text: String) {
        switch text {
        case "gp": self = .allGP
        case "fixed": self = .allFixed
        case "gp-lower-half": self = .lowerHalfOfGP
        case "gp-upper-half": self = .upperHalfOfGP
        default:
            let isGP = text.hasPrefix("gp")
            guard isGP || text.hasPrefix("fixed"),
                case .some(let ranges)? = PCPUSet(list: String(text.dropFirst(isGP ? 2 : 5))), ranges.count == 1,
                ranges[0].upperBound < (isGP ? 32 : 16)
            else { return nil }
            self = isGP ? .gp(ranges[0]) : .fixed(ranges[0])
        }
    }
}
