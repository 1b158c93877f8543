import PMU

/// The event a guest's counter was programmed with, as a raw event select.
enum GuestConfig {
    /// A fixed counter's privileges come from its field of FIXED_CTR_CTRL.
    static func of(_ counter: Counter, _ registers: GuestRegisters) -> UInt64 {
        guard let slot = GuestRegisters.slot(of: counter) else { return 0 }
        // What goes into the hardware has AMD's bit for guest mode. No guest has Intel's second unit mask.
        var config = EventSelect.withoutModes(registers.eventSelect[slot])
        if counter.isFixed {
            config |= FixedControl.privileges(of: registers.fixedField(counter.number))
        }
        return config
    }
}
