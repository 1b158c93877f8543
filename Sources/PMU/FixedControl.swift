/// The four bits that IA32_FIXED_CTR_CTRL has for each fixed counter (SDM volume 3B, 20.2.2): 0 OS, 1 user, 2 any
/// thread, 3 interrupt.
public enum FixedControl {
    /// The bits for an event with this config; the host always asks for the interrupt
    /// (`intel_pmu_enable_fixed()`, arch/x86/events/intel/core.c, v6.12).
    public static func nibble(for config: UInt64) -> UInt64 {
        var bits: UInt64 = 0x8
        if config & EventSelect.user != 0 { bits |= 0x2 }
        if config & EventSelect.os != 0 { bits |= 0x1 }
        return bits
    }

    /// The four bits of fixed counter `number` in the register's value.
    @inlinable public static func field(_ number: Int, of value: UInt64) -> UInt64 {
        value >> (4 * UInt64(number)) & 0xf
    }

    /// The privilege bits that an event select would have for the same levels.
    @inlinable public static func privileges(of field: UInt64) -> UInt64 {
        (field & 0x1 != 0 ? EventSelect.os : 0) | (field & 0x2 != 0 ? EventSelect.user : 0)
    }
}
