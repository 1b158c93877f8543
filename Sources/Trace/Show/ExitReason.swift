/// Names of the exit reasons that matter around a PMU; others are shown as numbers.
///
/// The numbers are those of arch/x86/include/uapi/asm/vmx.h and svm.h (6.18).
enum ExitReason {
    static func name(_ reason: UInt32, isa: UInt8) -> String? {
        switch isa {
        case 1: vmx[reason & 0xFFFF]
        case 2: svm[reason]
        default: nil
        }
    }

    private static let vmx: [UInt32: String] = [
        0: "EXCEPTION_NMI", 1: "EXTERNAL_INTERRUPT", 7: "INTERRUPT_WINDOW", 8: "NMI_WINDOW", 10: "CPUID", 12: "HLT",
        15: "RDPMC", 16: "RDTSC", 18: "VMCALL", 28: "CR_ACCESS", 30: "IO_INSTRUCTION", 31: "MSR_READ",
        32: "MSR_WRITE", 40: "PAUSE_INSTRUCTION", 44: "APIC_ACCESS", 45: "EOI_INDUCED", 48: "EPT_VIOLATION",
        49: "EPT_MISCONFIG", 52: "PREEMPTION_TIMER", 54: "WBINVD", 55: "XSETBV", 56: "APIC_WRITE",
    ]
    private static let svm: [UInt32: String] = [
        0x60: "interrupt", 0x61: "nmi", 0x64: "vintr", 0x6E: "rdtsc", 0x6F: "rdpmc", 0x72: "cpuid", 0x77: "pause",
        0x78: "hlt", 0x7B: "io", 0x7C: "msr", 0x81: "hypercall", 0x89: "wbinvd", 0x8D: "xsetbv", 0x400: "npf",
        0x401: "avic_incomplete_ipi", 0x402: "avic_unaccelerated_access",
    ]
}
