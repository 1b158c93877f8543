import PMU

/// What a guest's register access means: validity, faults, and which counters it changes.
/// `kvm_pmu_set_msr()` and `kvm_pmu_get_msr()` (arch/x86/kvm/pmu.c), `intel_pmu_set_msr()` (vmx/pmu_intel.c),
/// `amd_pmu_set_msr()` (svm/pmu.c); v6.12.
extension VirtualPMU {
    /// A register of the guest's PMU, or how KVM answers for one that is none.
    enum Target: Equatable {
        case counter(slot: Int, isFullWidth: Bool)
        case eventSelect(slot: Int)
        case fixedControl
        case globalStatus
        case globalControl
        case globalStatusClear
        case pebsEnable
        case debugControl
        /// Not the PMU's, or not there: the access raises #GP.
        case missing
        /// Tolerated although nothing is behind it: writes vanish, reads give 0.
        case ignored
    }

    @inline(__always)
    func target(register: UInt32) -> Target { shape.target(register: register) }

    /// What a write does to everything but counters, whose value the events behind them decide.
    enum WriteEffect: Equatable {
        case fault
        case nothing
        /// The counters in the mask must be reprogrammed; their control registers hold the new values.
        case changed(UInt64)
        /// The guest turned its last branch records on.
        case lastBranchRecordsOn
        /// The counter at `slot` is to hold `value`, cut to its width.
        case counter(slot: Int, value: UInt64)
    }

    /// Takes a WRMSR of the guest.
    mutating func write(_ register: UInt32, _ value: UInt64) -> WriteEffect {
        let target = target(register: register)
        markInUse(register, target)
        switch target {
        case .missing: return .fault
        case .ignored: return .nothing
        case .counter(let slot, let isFullWidth):
            var value = value
            if shape.flavour == .intel, slot < GuestRegisters.firstFixedSlot {
                if !isFullWidth {
                    value = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
                } else if value & ~shape.counterMask != 0 {
                    return .fault
                }
            }
            return .counter(slot: slot, value: value & shape.counterMask)
        case .eventSelect(let slot):
            guard let value = shape.heldSelect(slot, value) else { return .fault }
            guard registers.eventSelect[slot] != value else { return .nothing }
            registers.eventSelect[slot] = value
            return .changed(GuestRegisters.counter(at: slot).bit)
        case .fixedControl: return writeFixedControl(value)
        case .globalStatus: return shape.flavour == .intel ? .fault : .nothing
        case .globalControl:
            var value = value
            if shape.flavour == .intel {
                guard value & ~shape.allCounters == 0 else { return .fault }
            } else {
                value &= shape.allCounters
            }
            let changed = registers.globalControl ^ value
            registers.globalControl = value
            return changed == 0 ? .nothing : .changed(changed)
        case .globalStatusClear:
            if shape.flavour == .intel {
                let valid = shape.allCounters | 1 << 62 | 1 << 63
                guard value & ~valid == 0 else { return .fault }
            }
            registers.globalStatus &= ~value
            return .nothing
        case .pebsEnable:
            guard value & ~shape.allCounters == 0 else { return .fault }
            let changed = registers.pebsEnable ^ value
            registers.pebsEnable = value
            return changed == 0 ? .nothing : .changed(changed)
        case .debugControl:
            debugControl = value
            return value & VirtualPMU.lastBranchRecords != 0 ? .lastBranchRecordsOn : .nothing
        }
    }

    private mutating func writeFixedControl(_ value: UInt64) -> WriteEffect {
        guard value & shape.reservedFixedControlBits == 0 else { return .fault }
        var changed: UInt64 = 0
        for number in 0..<shape.fixed where FixedControl.field(number, of: registers.fixedControl ^ value) != 0 {
            changed |= Counter.fixed(number).bit
        }
        registers.fixedControl = value
        inUse |= changed
        return changed == 0 ? .nothing : .changed(changed)
    }

    /// `kvm_pmu_mark_pmc_in_use()`: writes through the full-width aliases do not count on Intel, since
    /// `intel_msr_idx_to_pmc()` does not know those.
    private mutating func markInUse(_ register: UInt32, _ target: Target) {
        switch target {
        case .counter(let slot, let isFullWidth):
            let isAlias = shape.flavour == .intel && slot < GuestRegisters.firstFixedSlot && isFullWidth
            if !isAlias { inUse |= GuestRegisters.counter(at: slot).bit }
        case .eventSelect(let slot): inUse |= GuestRegisters.counter(at: slot).bit
        default: break
        }
    }
}

extension GuestPMUShape {
    /// What `register` is to a guest with this PMU.
    func target(register: UInt32) -> VirtualPMU.Target {
        flavour == .intel ? intelTarget(register) : amdTarget(register)
    }

    private func gp(_ number: UInt32) -> Int? { number < UInt32(gp) ? Int(number) : nil }

    private func intelTarget(_ register: UInt32) -> VirtualPMU.Target {
        switch register {
        case MSR.intelCounter..<MSR.intelCounter + 8:
            if let slot = gp(register - MSR.intelCounter) { return .counter(slot: slot, isFullWidth: false) }
            return register < MSR.intelCounter + 2 ? .ignored : .missing
        case MSR.intelFullWidthCounter..<MSR.intelFullWidthCounter + 8:
            guard fullWidthWrites, let slot = gp(register - MSR.intelFullWidthCounter) else { return .missing }
            return .counter(slot: slot, isFullWidth: true)
        case MSR.intelEventSelect..<MSR.intelEventSelect + 8:
            if let slot = gp(register - MSR.intelEventSelect) { return .eventSelect(slot: slot) }
            return register < MSR.intelEventSelect + 2 ? .ignored : .missing
        case MSR.intelFixedCounter..<MSR.intelFixedCounter + UInt32(fixed):
            let number = Int(register - MSR.intelFixedCounter)
            return .counter(slot: GuestRegisters.firstFixedSlot + number, isFullWidth: true)
        case MSR.fixedControl: return hasGlobalControl ? .fixedControl : .missing
        case MSR.globalStatus: return hasGlobalControl ? .globalStatus : .missing
        case MSR.globalControl: return hasGlobalControl ? .globalControl : .missing
        case MSR.globalOverflowControl: return hasGlobalControl ? .globalStatusClear : .missing
        case MSR.pebsEnable: return pebs == .offered ? .pebsEnable : .missing
        case MSR.debugControl: return lastBranchRecords == .offered ? .debugControl : .ignored
        case MSR.amdLegacyControl..<MSR.amdLegacyControl + 8: return .ignored
        default: return .missing
        }
    }

    private func amdTarget(_ register: UInt32) -> VirtualPMU.Target {
        switch register {
        case MSR.amdLegacyControl..<MSR.amdLegacyControl + 4:
            if let slot = gp(register - MSR.amdLegacyControl) { return .eventSelect(slot: slot) }
            return .ignored
        case MSR.amdLegacyCounter..<MSR.amdLegacyCounter + 4:
            if let slot = gp(register - MSR.amdLegacyCounter) { return .counter(slot: slot, isFullWidth: true) }
            return .ignored
        case MSR.amdControl..<MSR.amdControl + 12:
            guard coreExtension == .offered, let slot = gp((register - MSR.amdControl) / 2) else {
                return .missing
            }
            return register & 1 == 0 ? .eventSelect(slot: slot) : .counter(slot: slot, isFullWidth: true)
        case MSR.amdGlobalStatus: return hasGlobalControl ? .globalStatus : .missing
        case MSR.amdGlobalControl: return hasGlobalControl ? .globalControl : .missing
        case MSR.amdGlobalStatusClear: return hasGlobalControl ? .globalStatusClear : .missing
        case MSR.intelCounter, MSR.intelCounter + 1, MSR.intelEventSelect, MSR.intelEventSelect + 1: return .ignored
        default: return .missing
        }
    }
}
