import Testing

@testable import Counts

/// The kernel written down plainly: what every instruction set must agree with.
private func reference(_ a: [UInt64], _ b: [UInt64], _ tolerance: Tolerance) -> ColumnDifference {
    var out = ColumnDifference()
    for (i, (x, y)) in zip(a, b).enumerated() {
        let distance = max(x, y) - min(x, y)
        let scaled = UInt64((UInt128(max(x, y)) * UInt128(tolerance.relative)) >> 32)
        if distance > tolerance.absolute, distance > scaled {
            out.differing += 1
            out.first = out.first ?? i
        }
        out.maximum = max(out.maximum, distance)
        out.sum += UInt128(distance)
    }
    return out
}

private let supported = InstructionSet.allCases.filter(\.isSupported)

private let tolerances = [
    Tolerance.none, Tolerance(absolute: 3), Tolerance(relative: 1), Tolerance(relative: .max),
    Tolerance(absolute: 1 << 40, relative: 1 << 20), Tolerance(absolute: .max),
]

private func compare(_ a: [UInt64], _ b: [UInt64], _ t: Tolerance, _ isa: InstructionSet, threads: Int = 1)
    -> ColumnDifference
{
    a.withUnsafeBufferPointer { x in
        b.withUnsafeBufferPointer { y in
            ColumnDifference(x, y, tolerance: t, threads: threads, instructionSet: isa)
        }
    }
}

@Suite("The diff kernel")
struct ColumnDifferenceTests {
    @Test("the portable kernel runs everywhere, and the preferred one runs here")
    func support() {
        #expect(InstructionSet.portable.isSupported)
        #expect(InstructionSet.best.isSupported)
    }

    @Test("every length from 0 to 600 agrees with the reference at every alignment", arguments: supported)
    func lengths(isa: InstructionSet) {
        var random = SplitMix(seed: 1)
        let a = (0..<616).map { _ in random.next() }
        let b = a.map { random.next() % 3 == 0 ? random.next() : $0 }
        for length in 0...600 {
            let shift = length % 8
            let x = Array(a[shift..<shift + length])
            let y = Array(b[shift..<shift + length])
            let expected = reference(x, y, .none)
            let got = a.withUnsafeBufferPointer { p in
                b.withUnsafeBufferPointer { q in
                    ColumnDifference(
                        UnsafeBufferPointer(rebasing: p[shift..<shift + length]),
                        UnsafeBufferPointer(rebasing: q[shift..<shift + length]), instructionSet: isa)
                }
            }
            #expect(got == expected, "length \(length)")
        }
    }

    @Test("columns whose address is odd by bytes within a cache line agree", arguments: supported)
    func differentAlignments(isa: InstructionSet) {
        var random = SplitMix(seed: 2)
        let a = (0..<2100).map { _ in random.next() >> 40 }
        let b = a.map { $0 &+ random.next() % 4 }
        for (left, right) in [(0, 1), (3, 0), (5, 2), (7, 7)] {
            let x = Array(a[left..<left + 2090])
            let y = Array(b[right..<right + 2090])
            let got = a.withUnsafeBufferPointer { p in
                b.withUnsafeBufferPointer { q in
                    ColumnDifference(
                        UnsafeBufferPointer(rebasing: p[left..<left + 2090]),
                        UnsafeBufferPointer(rebasing: q[right..<right + 2090]), tolerance: Tolerance(absolute: 1),
                        instructionSet: isa)
                }
            }
            #expect(got == reference(x, y, Tolerance(absolute: 1)), "\(left), \(right)")
        }
    }

    @Test("extreme values agree under every tolerance", arguments: supported)
    func edges(isa: InstructionSet) {
        let values: [UInt64] = [
            0, 1, 2, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, 0x8000_0000_0000_0001, .max, .max - 1, 0xffff_ffff,
            0x1_0000_0000, 1 << 47, (1 << 48) - 1,
        ]
        let a = values.flatMap { value in values.map { _ in value } }
        let b = values.flatMap { _ in values }
        for tolerance in tolerances {
            #expect(compare(a, b, tolerance, isa) == reference(a, b, tolerance), "\(tolerance)")
            for (x, y) in zip(a, b) {
                let differs = reference([x], [y], tolerance).differing == 1
                #expect(tolerance.allows(x, y) == !differs, "\(x) \(y) \(tolerance)")
            }
        }
    }

    @Test("random columns agree under every tolerance", arguments: supported)
    func randomColumns(isa: InstructionSet) {
        var random = SplitMix(seed: 3)
        for round in 0..<24 {
            let count = Int(random.next() % 5000)
            let bits = random.next() % 64
            let a = (0..<count).map { _ in random.next() >> bits }
            let b = a.map { value in
                switch random.next() % 4 {
                case 0: random.next()
                case 1: value &+ random.next() % 8
                case 2: value ^ (1 << (random.next() % 64))
                default: value
                }
            }
            let tolerance = tolerances[round % tolerances.count]
            #expect(compare(a, b, tolerance, isa) == reference(a, b, tolerance), "\(count) elements, \(tolerance)")
        }
    }

    @Test("the sum does not overflow 64 bits")
    func wideSum() {
        let a = [UInt64](repeating: .max, count: 5000)
        let b = [UInt64](repeating: 0, count: 5000)
        for isa in supported {
            #expect(compare(a, b, .none, isa).sum == UInt128(UInt64.max) * 5000)
        }
    }

    @Test("one planted difference is found wherever it lies", arguments: supported)
    func firstIndex(isa: InstructionSet) {
        let a = [UInt64](repeating: 9, count: 3000)
        for place in [0, 1, 7, 8, 511, 512, 513, 1023, 1024, 2047, 2992, 2999] {
            var b = a
            b[place] = 8
            b[2999] = 0
            #expect(compare(a, b, .none, isa).first == place)
        }
    }

    @Test("any number of threads gives the same answer")
    func threads() {
        var random = SplitMix(seed: 4)
        let count = ColumnDifference.share * 2 + 77
        let a = (0..<count).map { _ in random.next() }
        var b = a
        for _ in 0..<1000 { b[ColumnDifference.share + Int(random.next() % UInt64(count / 2))] = random.next() }
        let one = compare(a, b, .none, .best)
        #expect(one == reference(a, b, .none))
        for threads in [2, 3, 8] { #expect(compare(a, b, .none, .best, threads: threads) == one) }
    }

    @Test(
        "tolerances are read as counts, percent or both",
        arguments: [
            ("0", Tolerance.none), ("12", Tolerance(absolute: 12)), ("50%", Tolerance(relative: 1 << 31)),
            ("3,25%", Tolerance(absolute: 3, relative: 1 << 30)), ("25%,3", Tolerance(absolute: 3, relative: 1 << 30)),
            ("0.1%", Tolerance(relative: 4_294_968)),
        ])
    func parsing(text: String, expected: Tolerance) {
        #expect(Tolerance(parsing: text) == expected)
    }

    @Test(
        "what is no tolerance is refused",
        arguments: [
            "", "-1", "x", "5%5", "1,2", "1%,2%", "100%", "nan%", "inf%", "1e3%", "%", "1,", "99999999999999999999",
        ])
    func refusing(text: String) {
        #expect(Tolerance(parsing: text) == nil)
    }
}
