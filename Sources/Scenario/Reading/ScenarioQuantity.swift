/// Times, rates and numbers as people write them.
enum ScenarioQuantity {
    /// `10ms`, `5us`, `1.5s`, `2m`, `0`; ns. A bare number other than 0 is refused: its unit would be a guess.
    static func nanoseconds(_ text: String) -> UInt64? {
        if text == "0" { return 0 }
        for (suffix, unit) in [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9)] {
            if text.hasSuffix(suffix) { return scaled(text.dropLast(suffix.count), unit) }
        }
        return nil
    }

    /// `1.2G`, `300M`, `5k`, `77`.
    static func count(_ text: String) -> UInt64? {
        for (suffix, unit) in [("G", 1e9), ("M", 1e6), ("k", 1e3), ("K", 1e3)] where text.hasSuffix(suffix) {
            return scaled(text.dropLast(), unit)
        }
        return number(text)
    }

    /// Decimal or 0x hexadecimal.
    static func number(_ text: String) -> UInt64? {
        if text.hasPrefix("0x") || text.hasPrefix("0X") { return UInt64(text.dropFirst(2), radix: 16) }
        return UInt64(text)
    }

    private static func scaled(_ text: Substring, _ unit: Double) -> UInt64? {
        if let whole = UInt64(text) {
            let (product, overflow) = whole.multipliedReportingOverflow(by: UInt64(unit))
            return overflow ? nil : product
        }
        guard let value = Double(text), value.isFinite, value >= 0, value * unit < 1e18 else { return nil }
        return UInt64((value * unit).rounded())
    }
}
