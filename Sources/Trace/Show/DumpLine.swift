/// A line of `vpmu dump`, grown byte by byte without allocation once it has its size.
struct DumpLine {
    private(set) var bytes: [UInt8] = []

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    mutating func add(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    mutating func add(_ other: [UInt8]) { bytes.append(contentsOf: other) }

    mutating func add(_ byte: UInt8) { bytes.append(byte) }

    mutating func add(_ flag: Bool) { add(flag ? "true" : "false") }

    /// Decimal, filled up on the left to `width`.
    mutating func add(decimal value: UInt64, width: Int = 0, fill: UInt8 = UInt8(ascii: " ")) {
        var digits: InlineArray<20, UInt8> = .init(repeating: 0)
        var rest = value
        var count = 0
        repeat {
            digits[19 - count] = UInt8(truncatingIfNeeded: rest % 10) + UInt8(ascii: "0")
            rest /= 10
            count += 1
        } while rest > 0
        for _ in 0..<max(0, width - count) { bytes.append(fill) }
        for i in (20 - count)..<20 { bytes.append(digits[i]) }
    }

    mutating func add(signed value: Int64, width: Int = 0) {
        guard value < 0 else { return add(decimal: value.magnitude, width: width) }
        let start = bytes.count
        bytes.append(UInt8(ascii: "-"))
        add(decimal: value.magnitude)
        let missing = width - (bytes.count - start)
        if missing > 0 { bytes.insert(contentsOf: repeatElement(UInt8(ascii: " "), count: missing), at: start) }
    }

    mutating func add(hex value: UInt64) {
        let digits: StaticString = "0123456789abcdef"
        var shift = value == 0 ? 0 : (63 - value.leadingZeroBitCount) & ~3
        while shift >= 0 {
            bytes.append(digits.utf8Start[Int(truncatingIfNeeded: value >> UInt64(shift)) & 15])
            shift -= 4
        }
    }

    /// Seconds with nine decimals.
    mutating func add(seconds time: UInt64, width: Int = 0) {
        add(decimal: time / 1_000_000_000, width: width)
        add(UInt8(ascii: "."))
        add(decimal: time % 1_000_000_000, width: 9, fill: UInt8(ascii: "0"))
    }

    /// A JSON string.
    mutating func add(json text: String) {
        add(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                add(UInt8(ascii: "\\"))
                add(byte)
            case 0..<0x20:
                add("\\u00")
                if byte < 0x10 { add(UInt8(ascii: "0")) }
                add(hex: UInt64(byte))
            default: add(byte)
            }
        }
        add(UInt8(ascii: "\""))
    }

    static func seconds(_ time: UInt64) -> String {
        var line = DumpLine()
        line.add(seconds: time)
        return String(decoding: line.bytes, as: UTF8.self)
    }
}
