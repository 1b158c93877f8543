/// Registers of uncore PMUs (an interconnect's, a cache slice's) that are reached by RDMSR and WRMSR. They are PMUs of
/// their own: no guest sees them, and no policy over the cores' counters touches them.
public enum UncoreRegister {
    /// The caching agents of Intel's servers from Haswell to Cascade Lake (arch/x86/events/intel/uncore_snbep.c,
    /// v6.12), AMD's L3 and northbridge or data fabric counters (arch/x86/events/amd/uncore.c, v6.12).
    public static func isUncore(_ register: UInt32) -> Bool {
        (0xe00...0xfff).contains(register) || (0xc001_0230...0xc001_023b).contains(register)
            || (0xc001_0240...0xc001_0247).contains(register)
    }

    /// Whether it is a counter rather than a control. A caching agent has sixteen registers, counters from the ninth
    /// on.
    public static func isCounter(_ register: UInt32) -> Bool {
        guard isUncore(register) else { return false }
        return register < 0x1000 ? (8...11).contains(register & 0xf) : register & 1 == 1
    }
}
