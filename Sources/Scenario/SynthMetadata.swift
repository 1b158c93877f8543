import Host
import PMU
import Trace

/// What a recorder on the simulated host would have written at the head of its trace.
enum SynthMetadata {
    /// - Parameter tool: the program and its version.
    static func make(_ scenario: Scenario, policy: String, tool: String) -> TraceMetadata {
        var metadata = TraceMetadata(source: "synth", tool: tool, clock: "simulated")
        metadata.begin = 0
        metadata.end = scenario.duration
        metadata.kernel = scenario.kernel
        metadata.hostName = scenario.name
        metadata.processor = processor(scenario.model)
        metadata.topology = (0..<scenario.topology.pcpus).map { pcpu in
            let place = scenario.topology.place(of: pcpu)
            return TraceMetadata.LogicalCPU(id: pcpu, socket: place.socket, core: place.core)
        }
        let vendor = scenario.model.flavour == .intel ? "kvm_intel" : "kvm_amd"
        metadata.kvmParameters = [
            "kvm.enable_pmu": policy == "none" ? "N" : "Y",
            "\(vendor).enable_mediated_pmu": policy == "mediated" ? "Y" : "N",
        ]
        metadata.nmiWatchdog = scenario.watchdog != nil
        metadata.recordedPolicy = policy
        metadata.muxIntervalMilliseconds = UInt32(clamping: max(1, scenario.muxInterval / 1_000_000))
        metadata.tracepoints = EventKind.always.map { "\($0.system):\($0.tracepoint)" }
        metadata.lossGranularity = .ring
        for vm in scenario.vms {
            for (index, vcpu) in vm.vcpus.enumerated() {
                metadata.threads.append(
                    .init(
                        tid: vcpu.thread.tid, pid: vm.process, comm: vcpu.thread.name, vm: vm.name, vcpu: index))
            }
        }
        for task in scenario.tasks { metadata.threads.append(.init(tid: task.tid, pid: task.tid, comm: task.name)) }
        return metadata
    }

    private static func processor(_ model: ProcessorModel) -> TraceMetadata.Processor {
        let identity = identity(of: model)
        var processor = TraceMetadata.Processor(
            vendor: model.flavour == .intel ? "GenuineIntel" : "AuthenticAMD", family: identity.family,
            model: identity.model, stepping: identity.stepping)
        processor.modelName = model.name
        if model.flavour == .intel {
            // Leaf 0xA: version, GP counters and widths in EAX; fixed counters and their width in EDX.
            let eax = UInt32(model.version) | UInt32(model.gp) << 8 | UInt32(model.width) << 16 | 7 << 24
            let fixedBitmap = model.version >= 5 ? (UInt32(1) << UInt32(model.fixed)) - 1 : 0
            processor.leaf0A = [eax, 0, fixedBitmap, UInt32(model.fixed) | UInt32(model.width) << 5]
            processor.perfCapabilities = model.fullWidthWrites ? 1 << 13 : 0
        } else if model.flavour == .amdV2 {
            processor.leaf80000022 = [1, UInt32(model.gp), 0, 0]
        }
        return processor
    }

    /// Family, model and stepping by which Linux knows the processor (arch/x86/include/asm/intel-family.h, v6.12, and
    /// AMD's revision guides); those of the flavour's first processor for models made from a CPUID leaf.
    private static func identity(of model: ProcessorModel) -> (family: UInt32, model: UInt32, stepping: UInt32) {
        switch model.name {
        case "skylake-sp", "skylake-sp-noht": (6, 0x55, 4)
        case "cascade-lake", "cascade-lake-noht": (6, 0x55, 7)
        case "ice-lake-sp": (6, 0x6a, 6)
        case "sapphire-rapids": (6, 0x8f, 8)
        case "lion-cove": (6, 0xc6, 2)
        case "sandy-bridge": (6, 0x2d, 7)
        case "ivy-bridge": (6, 0x3e, 4)
        case "haswell": (6, 0x3f, 2)
        case "zen1": (0x17, 0x01, 2)
        case "zen2": (0x17, 0x31, 0)
        case "zen3": (0x19, 0x01, 1)
        case "zen4": (0x19, 0x11, 1)
        case "zen5": (0x1a, 0x02, 1)
        case "amd-family-15h": (0x15, 0x02, 0)
        default: model.flavour == .intel ? (6, 0, 0) : (0x17, 0x01, 0)
        }
    }
}
