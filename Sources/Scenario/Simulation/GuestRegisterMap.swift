import Host
import PMU

/// The registers by which a guest's own perf drives its counters: sequences of the PMU drivers in
/// arch/x86/events/{core,intel/core,amd/core}.c, v6.12, seen from inside the guest.
struct GuestRegisterMap: Sendable {
    let shape: GuestPMUShape

    var isIntel: Bool { shape.flavour == .intel }

    func counter(_ counter: Counter) -> UInt32 {
        if !isIntel { return MSR.amdCounter + 2 * UInt32(counter.number) }
        if counter.isFixed { return MSR.intelFixedCounter + UInt32(counter.number) }
        let base = shape.fullWidthWrites ? MSR.intelFullWidthCounter : MSR.intelCounter
        return base + UInt32(counter.number)
    }

    func eventSelect(_ counter: Counter) -> UInt32 {
        isIntel ? MSR.intelEventSelect + UInt32(counter.number) : MSR.amdControl + 2 * UInt32(counter.number)
    }

    /// The value that makes a counter run out after `period` events.
    func armed(period: UInt64) -> UInt64 { (0 &- period) & shape.counterMask }

    /// The longest period a guest's perf arms with.
    var longestPeriod: UInt64 { isIntel && !shape.fullWidthWrites ? 0x7fff_ffff : shape.counterMask >> 1 }

    var globalControl: UInt32? {
        guard shape.hasGlobalControl else { return nil }
        return isIntel ? MSR.globalControl : MSR.amdGlobalControl
    }

    func stopAll() -> [GuestDriver.Action] { globalControl.map { [.write(register: $0, value: 0)] } ?? [] }

    func startAll() -> [GuestDriver.Action] {
        globalControl.map { [.write(register: $0, value: shape.allCounters)] } ?? []
    }

    /// Arms `counter` and enables `config` on it. `fixed` is the FIXED_CTR_CTRL image, kept by the caller.
    func start(_ counter: Counter, config: UInt64, period: UInt64, fixed: inout UInt64) -> [GuestDriver.Action] {
        var actions: [GuestDriver.Action] = [
            .write(register: self.counter(counter), value: armed(period: min(period, longestPeriod)))
        ]
        if counter.isFixed {
            let shift = 4 * UInt64(counter.number)
            fixed = fixed & ~(0xf << shift) | FixedControl.nibble(for: config) << shift
            actions.append(.write(register: MSR.fixedControl, value: fixed))
        } else {
            let value = config | EventSelect.enable | EventSelect.interrupt
            actions.append(.write(register: eventSelect(counter), value: value))
        }
        return actions
    }

    /// Disables `counter` and reads it.
    func stop(_ counter: Counter, config: UInt64, fixed: inout UInt64) -> [GuestDriver.Action] {
        if counter.isFixed {
            fixed &= ~(0xf << (4 * UInt64(counter.number)))
            return [.write(register: MSR.fixedControl, value: fixed), .readPMC(counter)]
        }
        return [
            .write(register: eventSelect(counter), value: config | EventSelect.interrupt), .readPMC(counter),
        ]
    }

    /// Counters for `configs` as the guest's own solver would give them, nil for those that do not fit.
    func place(_ configs: [UInt64], model: ProcessorModel) -> [Counter?] {
        var free = shape.allCounters
        return configs.map { config in
            let mask = model.constraint(for: config).mask & free
            let choice = mask & ~0xffff_ffff != 0 ? mask & ~0xffff_ffff : mask
            guard choice != 0 else { return nil }
            let counter = Counter(index: UInt8(choice.trailingZeroBitCount))
            free &= ~counter.bit
            return counter
        }
    }
}
