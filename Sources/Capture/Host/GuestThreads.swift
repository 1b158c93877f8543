import Trace

/// Finds virtual machines among the processes of this host, and which of their threads are vCPUs.
///
/// A process that runs guests holds descriptors named `anon_inode:kvm-vcpu:N` (virt/kvm/kvm_main.c, `create_vcpu_fd`).
/// VMMs name the threads of vCPUs after themselves; the kernel does not say which thread runs which vCPU.
public enum GuestThreads {
    /// The threads of all processes that hold a vCPU, those whose descriptors this process may see; by thread id.
    public static func scan() -> [TraceMetadata.ThreadIdentity] {
        KernelFile.list("/proc").compactMap { Int32($0) }.sorted()
            .filter { holdsVCPU($0) }
            .flatMap { threads(ofProcess: $0) }
    }

    /// All threads of the process that `thread` belongs to; empty when it is gone.
    public static func identify(thread: Int32) -> [TraceMetadata.ThreadIdentity] {
        guard let process = processOf(thread: thread) else { return [] }
        return threads(ofProcess: process)
    }

    /// The process of the virtual machine with that name (QEMU's `-name`, libvirt's name) or that process id.
    ///
    /// - Throws: `CaptureError.usage` that lists the machines there are when none or several have that name.
    public static func process(ofVM vm: String) throws -> Int32 {
        let threads = scan()
        let named = Set(threads.filter { $0.vm == vm }.compactMap(\.pid))
        if named.count == 1, let process = named.first { return process }
        if named.isEmpty, let process = Int32(vm), threads.contains(where: { $0.pid == process }) { return process }
        let machines = Set(
            threads.compactMap { thread in thread.pid.map { "\(thread.vm ?? "without a name") (\($0))" } }
        ).sorted()
        let list = machines.isEmpty ? "no virtual machine that this user may see" : machines.joined(separator: ", ")
        throw CaptureError.usage(
            named.isEmpty
                ? "no virtual machine is called '\(vm)'; running: \(list)"
                : "several virtual machines are called '\(vm)'; give the process id: \(list)")
    }

    /// The ids of a process's threads; empty when it is gone.
    static func threadIDs(ofProcess process: Int32) -> [Int32] {
        KernelFile.list("/proc/\(process)/task").compactMap { Int32($0) }.sorted()
    }

    static func threads(ofProcess process: Int32) -> [TraceMetadata.ThreadIdentity] {
        let name = vmName(ofProcess: process)
        return threadIDs(ofProcess: process).map { tid in
            let comm = KernelFile.line("/proc/\(process)/task/\(tid)/comm") ?? ""
            return .init(
                tid: tid, pid: process, comm: comm, vm: name, vcpu: ThreadAttribution.vcpuIndex(ofThreadNamed: comm))
        }
    }

    /// The name in QEMU's `-name` option (`-name x`, `-name guest=x,debug-threads=on`), given as argument vector.
    static func vmName(arguments: [String]) -> String? {
        guard let option = arguments.firstIndex(where: { $0 == "-name" || $0 == "--name" }),
            option + 1 < arguments.count
        else { return nil }
        // QEMU writes a comma inside a value as two.
        let parts = arguments[option + 1].replacing(",,", with: "\u{0}").split(separator: ",")
            .map { $0.replacing("\u{0}", with: ",") }
        if let named = parts.first(where: { $0.hasPrefix("guest=") }) { return String(named.dropFirst(6)) }
        guard let first = parts.first, !first.contains("=") else { return nil }
        return String(first)
    }

    private static func vmName(ofProcess process: Int32) -> String? {
        guard let bytes = try? KernelFile.bytes("/proc/\(process)/cmdline") else { return nil }
        let arguments = bytes.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        return vmName(arguments: arguments)
    }

    private static func holdsVCPU(_ process: Int32) -> Bool {
        let directory = "/proc/\(process)/fd"
        return KernelFile.list(directory).contains {
            KernelFile.link("\(directory)/\($0)")?.hasPrefix("anon_inode:kvm-vcpu") ?? false
        }
    }

    private static func processOf(thread: Int32) -> Int32? {
        guard let status = try? KernelFile.read("/proc/\(thread)/status") else { return nil }
        for line in status.split(separator: "\n") where line.hasPrefix("Tgid:") {
            return Int32(line.dropFirst(5).filter { !$0.isWhitespace })
        }
        return nil
    }
}
