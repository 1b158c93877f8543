import ArgumentParser

/// A moment of a trace's clock as people give it: seconds the way the text output shows them (`0.199905714`), a number
/// with a unit (`1.5s`, `20ms`), or the whole ns of JSON output.
struct TraceTime: ExpressibleByArgument {
    /// ns of the trace's clock.
    var nanoseconds: UInt64

    init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    init?(argument: String) {
        let number = argument.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = argument.dropFirst(number.count)
        let digits = number.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(digits.count), let whole = UInt64(digits[0]) else { return nil }
        guard let factor = Self.factor(unit.isEmpty && digits.count == 2 ? "s" : unit) else { return nil }
        let (sum, overflow) = whole.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        nanoseconds = sum
        guard digits.count == 2 else { return }
        // Digit by digit: a Double does not hold the ns of a clock that has run for months.
        guard !digits[1].isEmpty else { return nil }
        var place = factor
        for digit in digits[1] {
            place /= 10
            let (sum, overflow) = nanoseconds.addingReportingOverflow(UInt64(digit.wholeNumberValue ?? 0) * place)
            guard !overflow else { return nil }
            nanoseconds = sum
        }
    }

    private static func factor(_ unit: some StringProtocol) -> UInt64? {
        switch unit {
        case "", "ns": 1
        case "us": 1000
        case "ms": 1_000_000
        case "s": 1_000_000_000
        case "m": 60_000_000_000
        case "h": 3_600_000_000_000
        default: nil
        }
    }

    var defaultValueDescription: String { "\(nanoseconds)" }

    /// What the options that take one say of it.
    static let form = "as shown (1.250000000), with a unit (20ms), or in whole ns"
}
