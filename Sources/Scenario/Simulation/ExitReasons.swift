import PMU

/// Numbers of VM exits by vendor: SDM volume 3C, appendix C; APM volume 2, appendix C.
struct ExitReasons: Sendable {
    let isa: UInt8
    let nmi: UInt32
    let interrupt: UInt32
    let halt: UInt32
    let readPMC: UInt32
    let readMSR: UInt32
    let writeMSR: UInt32
    /// Exits of everyday life: I/O, page faults, interrupts.
    let everyday: [UInt32]

    init(flavour: Flavour) {
        if flavour == .intel {
            (isa, nmi, interrupt, halt, readPMC, readMSR, writeMSR) = (1, 0, 1, 12, 15, 31, 32)
            everyday = [1, 30, 48, 49]
        } else {
            // SVM has one code for both directions of an MSR access; info1 tells them apart.
            (isa, nmi, interrupt, halt, readPMC, readMSR, writeMSR) = (2, 0x61, 0x60, 0x78, 0x6f, 0x7c, 0x7c)
            everyday = [0x60, 0x7b, 0x400]
        }
    }
}
