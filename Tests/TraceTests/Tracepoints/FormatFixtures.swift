import Foundation
import Trace

/// Format texts written down here, so that these tests run anywhere: only the fields, which are facts of each kernel.
enum FormatFixture {
    static let common = """
        format:
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
        \tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
        \tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
        \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

        """

    static func text(_ name: String, id: Int, _ fields: [String]) -> String {
        "name: \(name)\nID: \(id)\n" + common + "\n" + fields.map { "\tfield:\($0)\n" }.joined()
            + "\nprint fmt: \"%d\", REC->x\n"
    }

    static let kvmMSR = text(
        "kvm_msr", id: 99,
        [
            "unsigned write;\toffset:8;\tsize:4;\tsigned:0;", "u32 ecx;\toffset:12;\tsize:4;\tsigned:0;",
            "u64 data;\toffset:16;\tsize:8;\tsigned:0;", "u8 exception;\toffset:24;\tsize:1;\tsigned:0;",
        ])

    /// Linux 5.4: neither the instruction pointer nor anything later.
    static let kvmEntry54 = text("kvm_entry", id: 7, ["unsigned int vcpu_id;\toffset:8;\tsize:4;\tsigned:0;"])

    /// Linux 6.12: before `intr_info` and `error_code`.
    static let kvmEntry612 = text(
        "kvm_entry", id: 8,
        [
            "unsigned int vcpu_id;\toffset:8;\tsize:4;\tsigned:0;",
            "unsigned long rip;\toffset:16;\tsize:8;\tsigned:0;",
            "bool immediate_exit;\toffset:24;\tsize:1;\tsigned:0;",
        ])

    /// Linux 6.18.
    static let kvmEntry618 = text(
        "kvm_entry", id: 115,
        [
            "unsigned int vcpu_id;\toffset:8;\tsize:4;\tsigned:0;",
            "unsigned long rip;\toffset:16;\tsize:8;\tsigned:0;",
            "bool immediate_exit;\toffset:24;\tsize:1;\tsigned:0;", "u32 intr_info;\toffset:28;\tsize:4;\tsigned:0;",
            "u32 error_code;\toffset:32;\tsize:4;\tsigned:0;",
        ])

    /// Linux 5.4: `vcpu_id` is not in the record.
    static let kvmExit54 = text(
        "kvm_exit", id: 9,
        [
            "unsigned int exit_reason;\toffset:8;\tsize:4;\tsigned:0;",
            "unsigned long guest_rip;\toffset:16;\tsize:8;\tsigned:0;", "u32 isa;\toffset:24;\tsize:4;\tsigned:0;",
            "u64 info1;\toffset:32;\tsize:8;\tsigned:0;", "u64 info2;\toffset:40;\tsize:8;\tsigned:0;",
        ])

    static let writeMSR = text(
        "write_msr", id: 2153,
        [
            "unsigned msr;\toffset:8;\tsize:4;\tsigned:0;", "u64 val;\toffset:16;\tsize:8;\tsigned:0;",
            "int failed;\toffset:24;\tsize:4;\tsigned:1;",
        ])

    static let schedSwitch = text(
        "sched_switch", id: 372,
        [
            "char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;", "pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;",
            "int prev_prio;\toffset:28;\tsize:4;\tsigned:1;", "long prev_state;\toffset:32;\tsize:8;\tsigned:1;",
            "char next_comm[16];\toffset:40;\tsize:16;\tsigned:0;", "pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;",
            "int next_prio;\toffset:60;\tsize:4;\tsigned:1;",
        ])

    /// A sched_switch whose names lie behind the fixed part, as a dynamic array would.
    static let dynamicSchedSwitch = text(
        "sched_switch", id: 373,
        [
            "__data_loc char[] prev_comm;\toffset:8;\tsize:4;\tsigned:0;",
            "pid_t prev_pid;\toffset:12;\tsize:4;\tsigned:1;",
            "int prev_prio;\toffset:16;\tsize:4;\tsigned:1;", "long prev_state;\toffset:24;\tsize:8;\tsigned:1;",
            "__rel_loc char[] next_comm;\toffset:32;\tsize:4;\tsigned:0;",
            "pid_t next_pid;\toffset:36;\tsize:4;\tsigned:1;",
            "int next_prio;\toffset:40;\tsize:4;\tsigned:1;",
        ])
}

/// Those of optional tracepoints, Linux 6.18.
extension FormatFixture {
    static let processFork = text(
        "sched_process_fork", id: 366,
        [
            "__data_loc char[] parent_comm;\toffset:8;\tsize:4;\tsigned:0;",
            "pid_t parent_pid;\toffset:12;\tsize:4;\tsigned:1;",
            "__data_loc char[] child_comm;\toffset:16;\tsize:4;\tsigned:0;",
            "pid_t child_pid;\toffset:20;\tsize:4;\tsigned:1;",
        ])

    static let processExit = text(
        "sched_process_exit", id: 369,
        [
            "char comm[16];\toffset:8;\tsize:16;\tsigned:0;", "pid_t pid;\toffset:24;\tsize:4;\tsigned:1;",
            "int prio;\toffset:28;\tsize:4;\tsigned:1;", "bool group_dead;\toffset:32;\tsize:1;\tsigned:0;",
        ])

    static let perfEventOpen = text(
        "sys_enter_perf_event_open", id: 588,
        [
            "int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;",
            "struct perf_event_attr * attr_uptr;\toffset:16;\tsize:8;\tsigned:0;",
            "pid_t pid;\toffset:24;\tsize:8;\tsigned:0;", "int cpu;\toffset:32;\tsize:8;\tsigned:0;",
            "int group_fd;\toffset:40;\tsize:8;\tsigned:0;",
            "unsigned long flags;\toffset:48;\tsize:8;\tsigned:0;",
        ])

    static let acceptIRQ = text(
        "kvm_apic_accept_irq", id: 95,
        [
            "__u32 apicid;\toffset:8;\tsize:4;\tsigned:0;", "__u16 dm;\toffset:12;\tsize:2;\tsigned:0;",
            "__u16 tm;\toffset:14;\tsize:2;\tsigned:0;", "__u8 vec;\toffset:16;\tsize:1;\tsigned:0;",
        ])
}

/// A record under construction.
struct RawRecord {
    var bytes: [UInt8]

    init(length: Int) {
        bytes = Array(repeating: 0, count: length)
    }

    mutating func put<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        withUnsafeBytes(of: value.littleEndian) { source in
            for (index, byte) in source.enumerated() { bytes[offset + index] = byte }
        }
    }

    mutating func put(_ text: String, at offset: Int) {
        for (index, byte) in text.utf8.enumerated() { bytes[offset + index] = byte }
    }

    func decode(
        with decoder: TracepointDecoder, time: UInt64 = 5, pcpu: UInt16 = 3, into buffer: inout TraceBuffer
    ) throws -> TraceEvent {
        try bytes.withUnsafeBytes { try decoder.decode($0, time: time, pcpu: pcpu, comm: { buffer.comm($0) }) }
    }
}

/// The saved format files of a real kernel, next to the checkout or where `VPMU_SHARED` says.
enum SavedFormats {
    static let directory: URL? = {
        let shared =
            ProcessInfo.processInfo.environment["VPMU_SHARED"].map { URL(fileURLWithPath: $0) }
            ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("shared")
        let formats = shared.appendingPathComponent("kernel/formats")
        return FileManager.default.fileExists(atPath: formats.path) ? formats : nil
    }()

    static func all() throws -> [URL] {
        guard let directory else { return [] }
        return try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "format" }
            .sorted { $0.path < $1.path }
    }
}
