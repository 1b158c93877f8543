import Counts

/// Numbers as people read them.
public enum Figures {
    /// `1234567` as `1,234,567`.
    public static func grouped(_ number: UInt64) -> String {
        let digits = String(number)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// Nanoseconds in the largest unit below them with four digits: `0`, `850 ns`, `12.35 ms`, `2.000 s`, `1 h 02 min`.
    public static func duration(_ ns: UInt64) -> String {
        switch ns {
        case 0: "0"
        case ..<1_000: "\(ns) ns"
        case ..<1_000_000: fourDigits(ns, unit: 1_000) + " us"
        case ..<1_000_000_000: fourDigits(ns, unit: 1_000_000) + " ms"
        case ..<600_000_000_000: fourDigits(ns, unit: 1_000_000_000) + " s"
        default:
            "\(ns / 3_600_000_000_000) h \(padded(ns / 60_000_000_000 % 60)) min \(padded(ns / 1_000_000_000 % 60)) s"
        }
    }

    /// `part` of `whole` in percent with one decimal; never rounded to 0 or 100 unless it is; `-` where whole is 0.
    public static func share(_ part: UInt64, of whole: UInt64) -> String {
        guard whole > 0 else { return "-" }
        if part == 0 { return "0%" }
        if part == whole { return "100%" }
        let perMille = (Double(part) / Double(whole) * 1000).rounded()
        if part < whole {
            if perMille < 1 { return "<0.1%" }
            if perMille > 999 { return ">99.9%" }
        }
        let shown = UInt64(min(perMille, 1e15))
        return shown % 10 == 0 ? "\(shown / 10)%" : "\(shown / 10).\(shown % 10)%"
    }

    /// A number between 0 and 1 with three digits after the point, rounded down: 1.000 only where it is 1.
    public static func index(_ value: Double) -> String {
        let perMille = Int((min(max(value, 0), 1) * 1000).rounded(.down))
        let part = String(perMille % 1000)
        return "\(perMille / 1000)." + String(repeating: "0", count: 3 - part.count) + part
    }

    /// A reading with its mark: `1,234`, `10 ... 20`, `>= 10`, `<= 20`, `?`.
    public static func reading(_ reading: Reading) -> String {
        switch (reading.mark, reading.lo, reading.hi) {
        case (.exact, _, _): grouped(reading.count ?? 0)
        case (.unknown, _, _): "?"
        case (.bounded, let lo?, let hi?): "\(grouped(lo)) ... \(grouped(hi))"
        case (.bounded, let lo?, nil): ">= \(grouped(lo))"
        case (.bounded, nil, let hi?): "<= \(grouped(hi))"
        case (.bounded, nil, nil): "?"
        }
    }

    private static func fourDigits(_ ns: UInt64, unit: UInt64) -> String {
        let whole = ns / unit
        let decimals = whole < 10 ? 3 : whole < 100 ? 2 : 1
        let scale: UInt64 = [1: 10, 2: 100, 3: 1000][decimals]!
        let part = String(ns % unit * scale / unit)
        return "\(whole)." + String(repeating: "0", count: decimals - part.count) + part
    }

    private static func padded(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
