import CLinux
import Glibc
import Trace

/// What this host says of itself: everything about it that a reader of a trace must know.
public enum HostDescription {
    /// Fills the host's part of the metadata.
    public static func describe(into metadata: inout TraceMetadata) {
        metadata.kernel = KernelFile.line("/proc/sys/kernel/osrelease")
        metadata.hostName = KernelFile.line("/proc/sys/kernel/hostname")
        metadata.wallClockStart = MonotonicClock.wallClockAtZero()
        metadata.processor = processor()
        metadata.topology = topology()
        metadata.kvmParameters = kvmParameters()
        metadata.nmiWatchdog = KernelFile.line("/proc/sys/kernel/nmi_watchdog").map { $0 != "0" }
        metadata.muxIntervalMilliseconds = muxInterval()
        metadata.recordedPolicy = recordedPolicy(metadata.kvmParameters)
    }

    /// KVM's rule on this host: `mediated` where the module parameter says so, `none` where guests get no PMU, else
    /// `emulated`; nil without KVM.
    ///
    /// The parameters are `enable_pmu` (module kvm) and `enable_mediated_pmu` (kvm_intel, kvm_amd).
    static func recordedPolicy(_ parameters: [String: String]) -> String? {
        if ["kvm_intel", "kvm_amd"].contains(where: { parameters["\($0).enable_mediated_pmu"] == "Y" }) {
            return "mediated"
        }
        guard let enabled = parameters["kvm.enable_pmu"] ?? parameters["kvm.pmu"] else {
            return parameters.isEmpty ? nil : "emulated"
        }
        return enabled == "Y" ? "emulated" : "none"
    }

    /// The processor's own answers: CPUID leaves 0, 1, 0xA, 0x80000022 and the brand string.
    static func processor() -> TraceMetadata.Processor? {
        guard let vendorLeaf = leaf(0), let versionLeaf = leaf(1) else { return nil }
        let vendor = text([vendorLeaf[1], vendorLeaf[3], vendorLeaf[2]])
        let (family, model, stepping) = version(versionLeaf[0])
        var processor = TraceMetadata.Processor(vendor: vendor, family: family, model: model, stepping: stepping)
        let brand = (0x8000_0002...0x8000_0004).compactMap { leaf(UInt32($0)) }
        if brand.count == 3 { processor.name = text(brand.flatMap { $0 }) }
        processor.leaf0A = vendorLeaf[0] >= 0xa ? leaf(0xa) : nil
        processor.leaf80000022 = leaf(0x8000_0022)
        if vendor == "GenuineIntel" { processor.perfCapabilities = register(0x345) }
        return processor
    }

    /// Family, model and stepping out of CPUID leaf 1 EAX (Intel SDM volume 2, CPUID; AMD APM volume 3).
    static func version(_ eax: UInt32) -> (family: UInt32, model: UInt32, stepping: UInt32) {
        var family = eax >> 8 & 0xf
        var model = eax >> 4 & 0xf
        if family == 0xf { family += eax >> 20 & 0xff }
        if family >= 6 { model |= (eax >> 16 & 0xf) << 4 }
        return (family, model, eax & 0xf)
    }

    static func topology() -> [TraceMetadata.LogicalCPU] {
        guard let cpus = try? CPUList.online() else { return [] }
        return cpus.map { id in
            let directory = "/sys/devices/system/cpu/cpu\(id)/topology"
            let socket = KernelFile.line("\(directory)/physical_package_id").flatMap { Int($0) } ?? 0
            let core = KernelFile.line("\(directory)/core_id").flatMap { Int($0) } ?? id
            return .init(id: id, socket: max(0, socket), core: core)
        }
    }

    static func kvmParameters() -> [String: String] {
        var parameters: [String: String] = [:]
        for module in KernelFile.list("/sys/module") where module == "kvm" || module.hasPrefix("kvm_") {
            let directory = "/sys/module/\(module)/parameters"
            for name in KernelFile.list(directory) {
                if let value = KernelFile.line("\(directory)/\(name)") { parameters["\(module).\(name)"] = value }
            }
        }
        return parameters
    }

    /// The rotation interval of the core PMU, which is `cpu`, or `cpu_core` on hybrid processors.
    static func muxInterval() -> UInt32? {
        for pmu in ["cpu", "cpu_core"] {
            if let line = KernelFile.line("/sys/bus/event_source/devices/\(pmu)/perf_event_mux_interval_ms") {
                return UInt32(line)
            }
        }
        return nil
    }

    private static func leaf(_ number: UInt32) -> [UInt32]? {
        var out = clinux_cpuid.init()
        let code = clinux_cpuid(number, 0, &out)
        return code == 0 ? [out.eax, out.ebx, out.ecx, out.edx] : nil
    }

    private static func text(_ words: [UInt32]) -> String {
        let bytes = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        let characters = bytes.prefix { $0 != 0 }
        return String(decoding: characters.drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
    }

    /// A register of CPU 0 through the msr driver, or nil where that is not loaded or not permitted.
    private static func register(_ number: UInt32) -> UInt64? {
        let fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var value: UInt64 = 0
        return pread(fd, &value, 8, off_t(number)) == 8 ? value : nil
    }
}
