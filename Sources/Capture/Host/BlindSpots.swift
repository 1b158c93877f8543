import Trace

/// What a recording cannot show, in sentences for its reader.
///
/// These follow from where the kernel has tracepoints: arch/x86/kvm/trace.h and x86.c for guests, asm/msr.h and
/// arch/x86/events/core.c for the host.
enum BlindSpots {
    /// kernel/trace/trace_syscalls.c, v6.18: arguments are recorded as they are passed, and the attr is a pointer.
    static let opens =
        "sys_enter_perf_event_open shows who asked, for which thread and CPU; the event, its priority and whether it leaves guests "
        + "out stand behind a pointer, which no record follows."
    /// `kvm_apic_local_deliver()`, arch/x86/kvm/lapic.c, v6.18.
    static let interrupts =
        "kvm_apic_accept_irq shows vectors, not their sources: a guest chooses the vector and mode of its counters' interrupt "
        + "(LVTPC), and its writes there make no record. Linux guests take it as an NMI, which has other sources too."

    static func holders(_ holders: TraceMetadata.PerfEventHolders) -> [String] {
        let kernel = "Perf events that the kernel made for itself (the NMI watchdog, guests' counters) have no holder."
        guard holders.unseen > 0 else { return [kernel] }
        return [
            kernel,
            "Of \(holders.unseen) process(es) it could not be seen whether they held perf events at the start: that needs "
                + "CAP_SYS_PTRACE.",
        ]
    }

    static func sentences(
        metadata: TraceMetadata, missing: [EventKind], registers: RegisterScope, limitedTo threads: Bool
    ) -> [String] {
        var sentences = [
            "A guest's RDPMC makes no kvm_msr record; only kvm_exit shows it (reason 15 on VMX, 0x6f on SVM), "
                + "without the counter's number.",
            "Registers that user space sets or reads in a guest (KVM_SET_MSRS, KVM_GET_MSRS: migration, reset), and "
                + "accesses that KVM hands to user space, make no record.",
            "RDPMC from host user space, and what counters hold at VM entry, make no record.",
            "Scheduling of counters has no tracepoint: who held which counter is read off register writes.",
        ]
        switch metadata.processor?.vendor {
        case "GenuineIntel":
            sentences.append(
                "IA32_PERF_GLOBAL_CTRL changes between its host and guest values by hardware at VM entry and exit; "
                    + "these switches make no record.")
        case "AuthenticAMD", "HygonGenuine":
            sentences.append(
                "Guest-only and host-only counters start and stop by hardware at VM entry and exit; "
                    + "these switches make no record.")
        default: break
        }
        if metadata.recordedPolicy == "mediated" {
            sentences.append(
                "The vPMU is mediated: guests reach their counters (and, when they see all counters of the host, the "
                    + "global registers and RDPMC) without an intercept; kvm_msr shows event selects and fixed-counter "
                    + "control only.")
        }
        if registers == .pmu { sentences.append("Registers outside the core PMU were filtered out in the kernel.") }
        if threads {
            sentences.append(
                "Only chosen processes were recorded: what other tasks did to the counters, and what a thread did "
                    + "that ended within a moment of its start, is missing.")
        }
        if !missing.isEmpty {
            sentences.append(
                "This kernel did not have \(missing.map(\.qualifiedName).joined(separator: ", ")) when the recording began."
            )
        }
        return sentences
    }
}
