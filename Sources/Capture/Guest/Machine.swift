import CLinux
import Glibc

/// The VM behind a `Guest`: its memory, its vCPUs, and where each vCPU's table lies.
///
/// Unchecked: the memory and descriptors are shared by the vCPUs' threads on purpose. Each thread touches only its own
/// vCPU and its own table, and the notes are read after all threads have been joined.
final class Machine: @unchecked Sendable {
    private let memory: GuestMemory
    private let kvm: Int32
    private let vm: Int32
    private var vcpus: [clinux_vcpu] = []
    /// The DS of each vCPU's first step.
    private let segments: [Int]

    init(programs: [GuestProgram], apic: Guest.APIC) throws {
        memory = try GuestMemory()
        var next = GuestMemory.firstTableSegment
        segments = programs.map { program in
            defer { next += program.steps.count + 1 }
            return next
        }
        var kvm: Int32 = -1
        var vm: Int32 = -1
        let code = clinux_vm_create(memory.base, UInt64(GuestMemory.bytes), &kvm, &vm)
        self.kvm = kvm
        self.vm = vm
        try CaptureError.check(
            code, "create a guest with /dev/kvm",
            remedy: "load kvm_intel or kvm_amd, and run as root or as a member of the group kvm")
        if apic == .inKernel {
            try CaptureError.check(clinux_vm_add_apic(vm), "give a guest interrupt controllers")
        }
        for index in programs.indices {
            var vcpu = clinux_vcpu()
            try CaptureError.check(clinux_vcpu_create(kvm, vm, UInt32(index), &vcpu), "create vCPU \(index)")
            vcpus.append(vcpu)
            try CaptureError.check(clinux_vcpu_set_cpuid(kvm, vcpu.fd), "give vCPU \(index) its CPUID")
        }
    }

    deinit {
        for index in vcpus.indices { clinux_vcpu_close(&vcpus[index]) }
        if vm >= 0 { close(vm) }
        if kvm >= 0 { close(kvm) }
    }

    func rewind(_ programs: [GuestProgram]) {
        for (program, segment) in zip(programs, segments) { memory.write(program.steps, atSegment: segment) }
    }

    /// Runs one vCPU to the end of its program, in the calling thread.
    func play(_ index: Int, _ program: GuestProgram) -> VCPUOutcome {
        clinux_name_thread("CPU \(index)/KVM")
        let vcpu = vcpus[index]
        do {
            try CaptureError.check(
                clinux_vcpu_reset(
                    vcpu.fd, UInt16(GuestMemory.codeStart),
                    UInt16(GuestMemory.stackTop + (index + 1) * GuestMemory.stackBytes), UInt16(segments[index])),
                "reset vCPU \(index)")
            // Steps that leave the guest, in order: the only ones that user space sees.
            var leaving = program.steps.lazy.filter { !$0.isAccess }.makeIterator()
            while true {
                var exit = clinux_exit()
                var current = vcpu
                try CaptureError.check(clinux_vcpu_run(&current, &exit), "run vCPU \(index)")
                switch exit.kind {
                case CLINUX_EXIT_OUT where exit.port == GuestCode.endPort:
                    return .finished(thread: clinux_thread_id())
                case CLINUX_EXIT_INTERRUPTED:
                    continue
                case CLINUX_EXIT_OUT where exit.port == GuestCode.leavePort:
                    if case .pause(let microseconds) = leaving.next() { usleep(microseconds) }
                default:
                    return .failed(
                        .guestStopped(
                            vcpu: index, access: currentStep(index), reason: exit.reason, detail: exit.detail))
                }
            }
        } catch let error as CaptureError {
            return .failed(error)
        } catch {
            return .failed(.usage("\(error)"))
        }
    }

    func notes(_ index: Int, _ program: GuestProgram, thread: Int32) -> GuestNotes {
        var accesses: [GuestNotes.Access] = []
        for (number, step) in program.steps.enumerated() where step.isAccess {
            let (outcome, value) = memory.note(atSegment: segments[index] + number)
            accesses.append(
                GuestNotes.Access(
                    step: step, wasDone: outcome & GuestMemory.done != 0,
                    raisedGP: outcome & GuestMemory.raisedGP != 0, value: value))
        }
        return GuestNotes(vcpu: index, thread: thread, accesses: accesses)
    }

    private func currentStep(_ index: Int) -> Int {
        var segment: UInt16 = 0
        return clinux_vcpu_data_segment(vcpus[index].fd, &segment) == 0 ? Int(segment) - segments[index] : -1
    }
}
