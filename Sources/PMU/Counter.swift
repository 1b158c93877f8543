/// A counter of one PMU by its index: 0...31 general-purpose (GP), 32+n fixed counter n, above 47 pseudo counters.
///
/// The index space is the kernel's (`arch/x86/include/asm/perf_event.h`, `INTEL_PMC_IDX_FIXED`), used for virtual
/// counters (what a guest programmed) and physical ones (what backs them) alike.
public struct Counter: Hashable, Sendable, Comparable {
    public var index: UInt8

    /// The first index that is not a GP counter.
    public static let fixedBase: UInt8 = 32

    public init(index: UInt8) { self.index = index }
    public static func gp(_ n: Int) -> Counter { Counter(index: UInt8(n)) }
    public static func fixed(_ n: Int) -> Counter { Counter(index: fixedBase + UInt8(n)) }

    public var isFixed: Bool { index >= Counter.fixedBase }
    /// The counter's number among its kind: `fixed(1).number` is 1.
    public var number: Int { isFixed ? Int(index - Counter.fixedBase) : Int(index) }
    /// The counter's bit in masks such as GLOBAL_CTRL and a constraint's.
    public var bit: UInt64 { 1 << UInt64(index) }

    /// The operand RDPMC takes for this counter on Intel and AMD (SDM volume 2, RDPMC).
    public var rdpmcOperand: UInt32 { isFixed ? 0x4000_0000 | UInt32(number) : UInt32(index) }

    /// The counter that an RDPMC operand names, nil for metrics and other types.
    public init?(rdpmcOperand ecx: UInt32) {
        switch ecx >> 16 {
        case 0 where ecx < 32: self = .gp(Int(ecx))
        case 0x4000 where ecx & 0xffff < 16: self = .fixed(Int(ecx & 0xffff))
        default: return nil
        }
    }

    public static func < (a: Counter, b: Counter) -> Bool { a.index < b.index }
}

extension Counter: CustomStringConvertible {
    /// `gp0`, `fixed1`, ...
    public var description: String { isFixed ? "fixed\(number)" : "gp\(number)" }
}
