/// Amounts as people type them.
public enum Quantity {
    /// Nanoseconds of `10`, `1.5s`, `500ms`, `2m`, `1h`; a bare number is seconds. nil for anything else, 0 and more
    /// than a year.
    public static func nanoseconds(_ text: some StringProtocol) -> UInt64? {
        let units: [(String, Double)] = [("ms", 1e6), ("us", 1e3), ("ns", 1), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)]
        guard let value = scaled(text, units: units, bare: 1e9), value >= 1, value <= 3.2e16 else { return nil }
        return UInt64(value)
    }

    /// Bytes of `4096`, `512K`, `4M`, `1G` (powers of 1024). nil for anything else, 0 and more than 2^60.
    public static func bytes(_ text: some StringProtocol) -> UInt64? {
        let units: [(String, Double)] = [("k", 1024), ("m", 1_048_576), ("g", 1_073_741_824), ("t", 1_099_511_627_776)]
        guard let value = scaled(text.lowercased(), units: units, bare: 1), value >= 1, value <= 1.2e18 else {
            return nil
        }
        return UInt64(value)
    }

    private static func scaled(_ text: some StringProtocol, units: [(String, Double)], bare: Double) -> Double? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard digits.contains(where: \.isNumber), let number = Double(digits) else { return nil }
        let unit = text.dropFirst(digits.count)
        guard !unit.isEmpty else { return number * bare }
        guard let factor = units.first(where: { $0.0 == unit })?.1 else { return nil }
        return number * factor
    }
}
