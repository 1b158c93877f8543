import PMU

/// The addresses and control bits by which a host drives its physical counters.
struct RegisterLayout: Sendable {
    let flavour: Flavour
    let gp: Int
    let fixed: Int
    let counterBase: UInt32
    let counterMask: UInt64
    let maxPeriod: UInt64
    /// All counters of the PMU, as the global control register names them.
    let globalMask: UInt64

    init(flavour: Flavour, gp: Int, fixed: Int, width: Int, fullWidthWrites: Bool, maxPeriod: UInt64) {
        self.flavour = flavour
        self.gp = gp
        self.fixed = fixed
        self.maxPeriod = maxPeriod
        counterBase = fullWidthWrites ? MSR.intelFullWidthCounter : MSR.intelCounter
        counterMask = (1 << UInt64(width)) - 1
        globalMask = (1 << UInt64(gp)) - 1 | ((1 << UInt64(fixed)) - 1) << 32
    }

    func counter(_ counter: Counter) -> UInt32 {
        switch (flavour, counter.isFixed) {
        case (.intel, true): MSR.intelFixedCounter + UInt32(counter.number)
        case (.intel, false): counterBase + UInt32(counter.number)
        case (_, _): MSR.amdCounter + 2 * UInt32(counter.number)
        }
    }

    func eventSelect(_ counter: Counter) -> UInt32 {
        flavour == .intel
            ? MSR.intelEventSelect + UInt32(counter.number) : MSR.amdControl + 2 * UInt32(counter.number)
    }

    /// The counters a guest of KVM has at most on this PMU, by `Counter.bit`.
    var guestCounters: UInt64 {
        let maxGP = flavour == .intel ? GuestPMUShape.maxGPIntel : GuestPMUShape.maxGPAMD
        let maxFixed = flavour == .intel ? GuestPMUShape.maxFixedIntel : 0
        return globalMask & ((1 << UInt64(maxGP)) - 1 | ((1 << UInt64(maxFixed)) - 1) << 32)
    }
}
