import PMU

/// The event a guest's counter was programmed with, as a raw event select.
enum GuestConfig {
    /// A fixed counter's privileges come from its field of FIXED_CTR_CTRL.
    static func of(_ counter: Counter, _ registers: GuestRegisters) -> UInt64 {
        guard let slot = GuestRegisters.slot(of: counter) else { return 0 }
        var config = registers.eventSelect[slot]
        if counter.isFixed {
            config |= FixedControl.privileges(of: registers.fixedField(counter.number))
        }
        return config
    }
}
