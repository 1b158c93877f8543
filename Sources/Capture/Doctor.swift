import CLinux
import Foundation
import Trace

/// Whether this host can record, and what to do where it cannot.
public struct Doctor: Sendable {
    public struct Check: Sendable, Equatable, Codable {
        public var name: String
        public var outcome: Outcome
        /// What was found, one line.
        public var detail: String
        /// What to do about it; nil where there is nothing to do.
        public var remedy: String?
    }

    public enum Outcome: String, Sendable, Codable {
        case good
        /// Recording works; something will be missing from it.
        case limited
        /// Recording does not work.
        case bad
    }

    public let checks: [Check]

    /// Whether a recording can be made.
    public var canRecord: Bool { checks.allSatisfy { $0.outcome != .bad } }

    /// Looks at this host. Opens one event and makes one tracing instance for a moment, and takes away tracing
    /// instances that killed recorders left behind; changes nothing else.
    public init() {
        var checks: [Check?] = [Self.kernel()]
        let (tracefsCheck, tracefs) = Self.tracefs()
        checks.append(tracefsCheck)
        if let tracefs {
            let (tracepointsCheck, tracepoints) = Self.tracepoints(tracefs)
            checks.append(tracepointsCheck)
            if let tracepoints { checks.append(Self.perf(tracepoints)) }
            checks.append(Self.instances(tracefs))
        }
        checks.append(Self.lockdown())
        checks.append(Self.processor())
        checks.append(Self.policy())
        checks.append(Self.guests())
        checks.append(Self.kvmDevice())
        self.checks = checks.compactMap(\.self)
    }

    private static func kernel() -> Check {
        let release = KernelFile.line("/proc/sys/kernel/osrelease") ?? "unknown"
        return Check(name: "kernel", outcome: .good, detail: "Linux \(release)", remedy: nil)
    }

    private static func tracefs() -> (Check, Tracefs?) {
        do {
            let tracefs = try Tracefs()
            let detail =
                tracefs.mounting == .found
                ? "mounted at \(tracefs.root)" : "not mounted; a private, unattached mount works"
            return (Check(name: "tracefs", outcome: .good, detail: detail, remedy: nil), tracefs)
        } catch {
            return (failed("tracefs", error), nil)
        }
    }

    private static func tracepoints(_ tracefs: Tracefs) -> (Check, Tracepoints?) {
        do {
            let tracepoints = try Tracepoints(tracefs)
            guard !tracepoints.missing.isEmpty else {
                let detail = "all \(tracepoints.present.count) are there and their formats are understood"
                return (Check(name: "tracepoints", outcome: .good, detail: detail, remedy: nil), tracepoints)
            }
            let names = tracepoints.missing.map(\.qualifiedName).joined(separator: ", ")
            let withoutKVM = tracepoints.missing.contains(.kvmMSR)
            let check = Check(
                name: "tracepoints", outcome: withoutKVM ? .bad : .limited, detail: "missing: \(names)",
                remedy: withoutKVM ? "load KVM: modprobe kvm_intel, or modprobe kvm_amd" : nil)
            return (check, tracepoints)
        } catch {
            return (failed("tracepoints", error), nil)
        }
    }

    private static func perf(_ tracepoints: Tracepoints) -> Check {
        do {
            let cpus = try CPUList.online()
            let source = try PerfSource(
                tracepoints: tracepoints, cpus: Array(cpus.prefix(1)), bufferBytes: HostMemory.pageBytes,
                filter: KernelFilter(registers: .pmu), processes: [])
            let loss = source.countsLossByTracepoint ? "each tracepoint" : "each CPU's ring (Linux 6.0 tells more)"
            return Check(
                name: "perf events", outcome: .good,
                detail: "can be opened on a CPU with filters; loss is known for \(loss)",
                remedy: nil)
        } catch {
            return failed("perf events", error)
        }
    }

    private static func instances(_ tracefs: Tracefs) -> Check {
        let removed = TracefsInstance.removeOrphans(in: tracefs)
        let kept = TracefsInstance.orphans(in: tracefs)
        let cleaning = removed.isEmpty ? "" : "; removed \(removed.count) that killed recorders left behind"
        do {
            _ = try TracefsInstance(tracefs)
        } catch {
            return Check(
                name: "tracing instance", outcome: .limited, detail: "\(error)",
                remedy: "perf rings are used instead, which cost the guest more")
        }
        guard kept.isEmpty else {
            return Check(
                name: "tracing instance", outcome: .limited,
                detail: "can be made; left behind and not removable: \(kept.joined(separator: ", "))",
                remedy: "close what reads them, then run this again")
        }
        return Check(name: "tracing instance", outcome: .good, detail: "can be made\(cleaning)", remedy: nil)
    }

    private static func lockdown() -> Check? {
        guard let line = KernelFile.line("/sys/kernel/security/lockdown"), line.contains("[confidentiality]") else {
            return nil
        }
        return Check(
            name: "lockdown", outcome: .bad,
            detail: "the kernel is locked down for confidentiality, which forbids tracing",
            remedy: "boot with lockdown=integrity or without lockdown")
    }

    private static func processor() -> Check {
        guard let processor = HostDescription.processor() else {
            return Check(
                name: "processor", outcome: .limited, detail: "CPUID cannot be read: not an x86 processor", remedy: nil)
        }
        let name = processor.name ?? "\(processor.vendor) family \(processor.family) model \(processor.model)"
        let hostPMU = FileManager.default.fileExists(atPath: "/sys/bus/event_source/devices/cpu/rdpmc")
        return hostPMU
            ? Check(name: "processor", outcome: .good, detail: "\(name), with a PMU that perf drives", remedy: nil)
            : Check(
                name: "processor", outcome: .limited, detail: "\(name), without a PMU that perf drives",
                remedy:
                    "guests' register accesses are recorded all the same; host counters only show on hardware, or in a "
                    + "VM whose own hypervisor gives it a PMU")
    }

    private static func policy() -> Check {
        let parameters = HostDescription.kvmParameters()
        switch HostDescription.recordedPolicy(parameters) {
        case "mediated"?:
            return Check(
                name: "vPMU", outcome: .limited,
                detail: "mediated: guests reach their counters without an intercept, only event selects are seen",
                remedy: "for the whole picture load kvm_intel or kvm_amd with enable_mediated_pmu=0")
        case "none"?:
            return Check(
                name: "vPMU", outcome: .limited, detail: "KVM gives its guests no PMU (kvm.enable_pmu=N)",
                remedy: "load kvm with enable_pmu=1")
        case let policy?:
            return Check(name: "vPMU", outcome: .good, detail: policy, remedy: nil)
        case nil:
            return Check(
                name: "vPMU", outcome: .limited, detail: "KVM is not loaded", remedy: "modprobe kvm_intel or kvm_amd")
        }
    }

    private static func guests() -> Check {
        let threads = GuestThreads.scan()
        let machines = Set(threads.map(\.pid)).count
        let vcpus = threads.filter { $0.vcpu != nil }.count
        return Check(
            name: "guests", outcome: .good, detail: "\(machines) running, with \(vcpus) vCPU threads known by name",
            remedy: nil)
    }

    private static func kvmDevice() -> Check {
        guard let error = Guest.unavailability() else {
            return Check(name: "test guest", outcome: .good, detail: "/dev/kvm runs one", remedy: nil)
        }
        return Check(
            name: "test guest", outcome: .limited, detail: "\(error)", remedy: "only vpmu guest and the tests need this"
        )
    }

    private static func failed(_ name: String, _ error: any Error) -> Check {
        if case CaptureError.system(let doing, let code, let remedy) = error {
            let bare = CaptureError.system(doing: doing, errno: code, remedy: nil)
            return Check(name: name, outcome: .bad, detail: "\(bare)", remedy: remedy)
        }
        return Check(name: name, outcome: .bad, detail: "\(error)", remedy: nil)
    }
}

extension Doctor {
    /// One line a check, its remedy below it, and the verdict.
    public var text: String {
        var lines: [String] = []
        for check in checks {
            let mark =
                switch check.outcome {
                case .good: "ok     "
                case .limited: "limited"
                case .bad: "BAD    "
                }
            lines.append("\(mark) \(check.name): \(check.detail)")
            if let remedy = check.remedy { lines.append("        -> \(remedy)") }
        }
        lines.append(canRecord ? "This host can record." : "This host cannot record.")
        return lines.joined(separator: "\n") + "\n"
    }

    /// `{"schemaVersion":1,"canRecord":...,"checks":[{"name","outcome","detail","remedy"}]}`
    public func json() throws -> String {
        struct Document: Encodable {
            var schemaVersion = 1
            var canRecord: Bool
            var checks: [Check]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(Document(canRecord: canRecord, checks: checks)), as: UTF8.self)
            + "\n"
    }
}
