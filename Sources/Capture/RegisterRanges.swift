import Trace

/// The registers of the core PMU, and the in-kernel filter that lets only them through.
///
/// Intel SDM volume 4 and AMD APM volume 2, as Linux uses them: event selects, counters in both widths, fixed
/// counters and the global registers of Intel; the version 6 aliases; AMD's legacy and core-extension counters and
/// the global registers of PerfMonV2. AMD's other PMUs (L3, NB, data fabric, memory controller) lie outside.
public enum RegisterRanges {
    public static let pmu: [ClosedRange<UInt32>] = [
        0x186...0x18f,
        0xc1...0xca,
        0x4c1...0x4ca,
        0x309...0x30c,
        0x38d...0x392,
        0x3f1...0x3f1,
        0x1900...0x19ff,
        0xc001_0000...0xc001_0007,
        0xc001_0200...0xc001_020b,
        0xc000_0300...0xc000_0303,
    ]

    public static func contains(_ register: UInt32) -> Bool {
        pmu.contains { $0.contains(register) }
    }

    /// The field of a tracepoint that names a register, or nil where none does (in `msr:rdpmc` it is a counter's number).
    static func registerField(of kind: EventKind) -> String? {
        switch kind {
        case .kvmMSR: "ecx"
        case .writeMSR, .readMSR: "msr"
        case .kvmEntry, .kvmExit, .rdpmc, .schedSwitch: nil
        }
    }
}
