import CDiff

/// How far two numbers may lie apart and still count as the same: within the absolute distance, or within the
/// fraction of the greater of the two. Integer arithmetic, so that every machine answers alike.
public struct Tolerance: Equatable, Sendable {
    /// Counts (or nanoseconds, where times are compared).
    public var absolute: UInt64
    /// The fraction in units of 2^-32.
    public var relative: UInt32

    public init(absolute: UInt64 = 0, relative: UInt32 = 0) {
        self.absolute = absolute
        self.relative = relative
    }

    /// Nothing but equality.
    public static let none = Tolerance()

    /// `12` (counts), `0.5%`, or both: `12,0.5%`. Nil for anything else, for negative numbers and for 100 % and more.
    public init?(parsing text: String) {
        self.init()
        var seen: Set<Character> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let isRelative = part.hasSuffix("%")
            guard seen.insert(isRelative ? "%" : "#").inserted else { return nil }
            if isRelative {
                let number = part.dropLast()
                guard number.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let percent = Double(number),
                    percent >= 0, percent < 100
                else { return nil }
                // Rounded up, so that 99 is within 1% of 100.
                relative = UInt32(min((percent / 100 * 4_294_967_296).rounded(.up), 4_294_967_295))
            } else {
                guard part.allSatisfy({ $0.isASCII && $0.isNumber }), let counts = UInt64(part) else { return nil }
                absolute = counts
            }
        }
    }

    /// Whether `a` and `b` count as the same.
    public func allows(_ a: UInt64, _ b: UInt64) -> Bool {
        let greater = max(a, b)
        let distance = greater - min(a, b)
        if distance <= absolute { return true }
        let scaled = (greater >> 32) * UInt64(relative) + ((greater & 0xffff_ffff) * UInt64(relative)) >> 32
        return distance <= scaled
    }

    var c: cdiff_tolerance { cdiff_tolerance(absolute: absolute, relative: relative) }
}

extension Tolerance: CustomStringConvertible {
    public var description: String {
        let percent = Double(relative) / 4_294_967_296 * 100
        let rounded = (percent * 1_000_000).rounded() / 1_000_000
        switch (absolute, relative) {
        case (_, 0): return "\(absolute)"
        case (0, _): return "\(rounded)%"
        default: return "\(absolute),\(rounded)%"
        }
    }
}
