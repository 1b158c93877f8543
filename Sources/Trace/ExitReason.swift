/// Exit reasons by the names that tracers print.
///
/// VMX: SDM volume 3, appendix C, with the kernel's names (`VMX_EXIT_REASONS`, arch/x86/include/uapi/asm/vmx.h); SVM:
/// APM volume 2, appendix C (`SVM_EXIT_REASONS`, svm.h). libtraceevent's kvm plugin has names of its own for SVM
/// (`EXIT_MSR`).
package enum ExitReason {
    /// - Returns: the number and its isa (1 VMX, 2 SVM, 0 where a bare number does not tell); nil for an unknown name.
    package static func number(of name: String) -> (reason: UInt32, isa: UInt8)? {
        if let number = vmx[name] { return (number, 1) }
        if let number = svm[name] { return (number, 2) }
        if let number = svmPlugin[name] { return (number, 2) }
        if name.hasPrefix("0x"), let number = UInt32(name.dropFirst(2), radix: 16) { return (number, 0) }
        // The plugin's "UNKNOWN (84)".
        if name.hasPrefix("UNKNOWN ("), let number = UInt32(name.dropFirst(9).prefix { $0 != ")" }) {
            return (number, 0)
        }
        return nil
    }

    /// The kernel's name of a reason, or nil.
    package static func name(of reason: UInt32, isa: UInt8) -> String? {
        isa == 1 ? vmxNames[reason & 0xffff] : isa == 2 ? svmNames[reason] : nil
    }

    private static let vmxNames: [UInt32: String] = inverse(vmxTable)
    private static let svmNames: [UInt32: String] = inverse(svmTable)

    private static func inverse(_ table: [(String, UInt32)]) -> [UInt32: String] {
        Dictionary(table.map { ($0.1, $0.0) }, uniquingKeysWith: { first, _ in first })
    }

    private static let vmx = Dictionary(
        vmxTable + [("PENDING_INTERRUPT", 7), ("MACHINE_CHECK", 41), ("MCE_DURING_VMENTRY", 41), ("APIC_WRITE", 56)],
        uniquingKeysWith: { first, _ in first })

    private static let vmxTable: [(String, UInt32)] = [
        ("EXCEPTION_NMI", 0), ("EXTERNAL_INTERRUPT", 1), ("TRIPLE_FAULT", 2), ("INIT_SIGNAL", 3), ("SIPI_SIGNAL", 4),
        ("INTERRUPT_WINDOW", 7), ("NMI_WINDOW", 8), ("TASK_SWITCH", 9), ("CPUID", 10), ("HLT", 12), ("INVD", 13),
        ("INVLPG", 14), ("RDPMC", 15), ("RDTSC", 16), ("VMCALL", 18), ("VMCLEAR", 19), ("VMLAUNCH", 20),
        ("VMPTRLD", 21), ("VMPTRST", 22), ("VMREAD", 23), ("VMRESUME", 24), ("VMWRITE", 25), ("VMOFF", 26),
        ("VMON", 27), ("CR_ACCESS", 28), ("DR_ACCESS", 29), ("IO_INSTRUCTION", 30), ("MSR_READ", 31),
        ("MSR_WRITE", 32), ("INVALID_STATE", 33), ("MSR_LOAD_FAIL", 34), ("MWAIT_INSTRUCTION", 36),
        ("MONITOR_TRAP_FLAG", 37), ("MONITOR_INSTRUCTION", 39), ("PAUSE_INSTRUCTION", 40),
        ("MCE_DURING_VMENTRY", 41), ("TPR_BELOW_THRESHOLD", 43), ("APIC_ACCESS", 44), ("EOI_INDUCED", 45),
        ("GDTR_IDTR", 46), ("LDTR_TR", 47), ("EPT_VIOLATION", 48), ("EPT_MISCONFIG", 49), ("INVEPT", 50),
        ("RDTSCP", 51), ("PREEMPTION_TIMER", 52), ("INVVPID", 53), ("WBINVD", 54), ("XSETBV", 55), ("APIC_WRITE", 56),
        ("RDRAND", 57), ("INVPCID", 58), ("VMFUNC", 59), ("ENCLS", 60), ("RDSEED", 61), ("PML_FULL", 62),
        ("XSAVES", 63), ("XRSTORS", 64), ("UMWAIT", 67), ("TPAUSE", 68), ("BUS_LOCK", 74), ("NOTIFY", 75),
        ("TDCALL", 77), ("MSR_READ_IMM", 84), ("MSR_WRITE_IMM", 85),
    ]

    private static let svm = Dictionary(svmTable, uniquingKeysWith: { first, _ in first })

    private static let svmTable: [(String, UInt32)] = {
        var table: [(String, UInt32)] = [0, 2, 3, 4, 8].map { ("read_cr\($0)", $0) }
        table += [0, 2, 3, 4, 8].map { ("write_cr\($0)", 0x10 + $0) }
        table += (0...7).map { ("read_dr\($0)", 0x20 + $0) }
        table += (0...7).map { ("write_dr\($0)", 0x30 + $0) }
        table += exceptions.map { ("\($0.0) excp", 0x40 + $0.1) }
        table += [
            ("interrupt", 0x60), ("nmi", 0x61), ("smi", 0x62), ("init", 0x63), ("vintr", 0x64),
            ("cr0_sel_write", 0x65), ("read_idtr", 0x66), ("read_gdtr", 0x67), ("read_ldtr", 0x68), ("read_rt", 0x69),
            ("write_idtr", 0x6a), ("write_gdtr", 0x6b), ("write_ldtr", 0x6c), ("write_rt", 0x6d), ("rdtsc", 0x6e),
            ("rdpmc", 0x6f), ("pushf", 0x70), ("popf", 0x71), ("cpuid", 0x72), ("rsm", 0x73), ("iret", 0x74),
            ("swint", 0x75), ("invd", 0x76), ("pause", 0x77), ("hlt", 0x78), ("invlpg", 0x79), ("invlpga", 0x7a),
            ("io", 0x7b), ("msr", 0x7c), ("task_switch", 0x7d), ("ferr_freeze", 0x7e), ("shutdown", 0x7f),
            ("vmrun", 0x80), ("hypercall", 0x81), ("vmload", 0x82), ("vmsave", 0x83), ("stgi", 0x84), ("clgi", 0x85),
            ("skinit", 0x86), ("rdtscp", 0x87), ("icebp", 0x88), ("wbinvd", 0x89), ("monitor", 0x8a), ("mwait", 0x8b),
            ("xsetbv", 0x8d), ("rdpru", 0x8e), ("write_efer_trap", 0x8f), ("write_cr0_trap", 0x90),
            ("write_cr4_trap", 0x94), ("write_cr8_trap", 0x98), ("invpcid", 0xa2), ("buslock", 0xa5),
            ("idle-halt", 0xa6), ("npf", 0x400), ("avic_incomplete_ipi", 0x401), ("avic_unaccelerated_access", 0x402),
            ("vmgexit", 0x403), ("vmgexit_mmio_read", 0x8000_0001), ("vmgexit_mmio_write", 0x8000_0002),
            ("vmgexit_nmi_complete", 0x8000_0003), ("vmgexit_ap_hlt_loop", 0x8000_0004),
            ("vmgexit_ap_jump_table", 0x8000_0005), ("vmgexit_page_state_change", 0x8000_0010),
            ("vmgexit_guest_request", 0x8000_0011), ("vmgexit_ext_guest_request", 0x8000_0012),
            ("vmgexit_ap_creation", 0x8000_0013), ("vmgexit_hypervisor_feature", 0x8000_fffd),
            ("invalid_guest_state", 0xffff_ffff),
        ]
        return table
    }()

    private static let exceptions: [(String, UInt32)] = [
        ("DE", 0), ("DB", 1), ("BP", 3), ("OF", 4), ("BR", 5), ("UD", 6), ("NM", 7), ("DF", 8), ("TS", 10), ("NP", 11),
        ("SS", 12), ("GP", 13), ("PF", 14), ("MF", 16), ("AC", 17), ("MC", 18), ("XF", 19),
    ]

    private static let svmPlugin: [String: UInt32] = {
        var table: [(String, UInt32)] = [0, 2, 3, 4, 8].map { ("EXIT_READ_CR\($0)", $0) }
        table += [0, 2, 3, 4, 8].map { ("EXIT_WRITE_CR\($0)", 0x10 + $0) }
        table += (0...7).map { ("EXIT_READ_DR\($0)", 0x20 + $0) }
        table += (0...7).map { ("EXIT_WRITE_DR\($0)", 0x30 + $0) }
        table += exceptions.map { ("EXIT_EXCP_\($0.0)", 0x40 + $0.1) }
        let rest = [
            "INTR", "NMI", "SMI", "INIT", "VINTR", "CR0_SEL_WRITE", "IDTR_READ", "GDTR_READ", "LDTR_READ", "TR_READ",
            "IDTR_WRITE", "GDTR_WRITE", "LDTR_WRITE", "TR_WRITE", "RDTSC", "RDPMC", "PUSHF", "POPF", "CPUID", "RSM",
            "IRET", "SWINT", "INVD", "PAUSE", "HLT", "INVLPG", "INVLPGA", "IOIO", "MSR", "TASK_SWITCH", "FERR_FREEZE",
            "SHUTDOWN", "VMRUN", "VMMCALL", "VMLOAD", "VMSAVE", "STGI", "CLGI", "SKINIT", "RDTSCP", "ICEBP", "WBINVD",
            "MONITOR", "MWAIT", "MWAIT_COND", "XSETBV",
        ]
        table += rest.enumerated().map { ("EXIT_\($0.element)", 0x60 + UInt32($0.offset)) }
        table += [
            ("EXIT_NPF", 0x400), ("EXIT_AVIC_INCOMPLETE_IPI", 0x401), ("EXIT_AVIC_UNACCELERATED_ACCESS", 0x402),
            ("EXIT_ERR", 0xffff_ffff),
        ]
        return Dictionary(table, uniquingKeysWith: { first, _ in first })
    }()
}
