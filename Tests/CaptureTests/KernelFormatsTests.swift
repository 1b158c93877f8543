import Foundation
import Testing
import Trace

/// The formats of the seven tracepoints as kernels from 5.4 to 7.x give them: which fields there are and where they
/// lie. What changed: `kvm_entry` gained `rip` (5.10), `immediate_exit`, and `intr_info` with `error_code` (after
/// 6.12); `kvm_exit` gained `intr_info`, `error_code` and `vcpu_id` (5.10), and `requests` (after 6.12); a kernel with
/// the old PREEMPT_RT patches has two more common fields, which move everything behind them.
@Suite("formats of kernels from 5.4 to 7.x")
struct KernelFormatsTests {
    static let kernels = ["5.4", "5.17", "6.12", "6.12-rt", "6.18", "7.3"]

    private func formats(_ kernel: String) throws -> [TracepointFormat] {
        let url = try #require(
            Bundle.module.url(forResource: kernel, withExtension: "formats", subdirectory: "Formats"))
        return try String(contentsOf: url, encoding: .utf8).split(separator: "name: ").map {
            try TracepointFormat(parsing: "name: \($0)")
        }
    }

    /// A record in which each field that `values` names has its value, and every other byte is 0xa5.
    private func record(_ format: TracepointFormat, _ values: [String: Int64], _ texts: [String: String]) -> [UInt8] {
        let length = format.fields.map { $0.offset + $0.size }.max() ?? 0
        var bytes = [UInt8](repeating: 0xa5, count: length)
        for field in format.fields {
            if let text = texts[field.name] {
                for index in 0..<field.size { bytes[field.offset + index] = 0 }
                for (index, byte) in text.utf8.enumerated() { bytes[field.offset + index] = byte }
            } else if let value = values[field.name] {
                for index in 0..<field.size {
                    bytes[field.offset + index] = UInt8(truncatingIfNeeded: value >> (8 * Int64(index)))
                }
            }
        }
        return bytes
    }

    private func decode(
        _ kernel: String, _ name: String, _ values: [String: Int64], texts: [String: String] = [:]
    ) throws -> (event: TraceEvent, comms: [String]) {
        let format = try #require(formats(kernel).first { $0.name == name })
        let decoder = try TracepointDecoder(format: format)
        let common: [String: Int64] = ["common_type": Int64(format.id), "common_flags": 0x40, "common_pid": -77]
        let bytes = record(format, common.merging(values) { $1 }, texts)
        var comms: [String] = []
        let event = try bytes.withUnsafeBytes {
            try decoder.decode($0, time: 5, pcpu: 3) { comm in
                comms.append(comm)
                return UInt32(comms.count - 1)
            }
        }
        #expect(event.flags == 0x40 && event.time == 5 && event.pcpu == 3)
        return (event, comms)
    }

    @Test("a guest's access", arguments: kernels)
    func guestAccess(kernel: String) throws {
        let (event, _) = try decode(
            kernel, "kvm_msr", ["write": 1, "ecx": 0xc001_0200, "data": -2, "exception": 1])
        var expected = TraceEvent.kvmMSR(
            time: 5, pcpu: 3, pid: -77, write: true, register: 0xc001_0200, data: UInt64.max - 1, exception: true)
        expected.flags = 0x40
        #expect(event == expected)
    }

    @Test("an entry: what the kernel does not tell is 0", arguments: kernels)
    func entry(kernel: String) throws {
        let (event, _) = try decode(
            kernel, "kvm_entry",
            ["vcpu_id": 9, "rip": 0x1234, "immediate_exit": 1, "intr_info": 0x8000_00fb, "error_code": 6])
        #expect(event.vcpuID == 9 && event.pid == -77)
        #expect(event.value == (kernel == "5.4" ? 0 : 0x1234))
        #expect(event.b == (["5.4", "5.17"].contains(kernel) ? 0 : 1))
        #expect(event.value2 == (["6.18", "7.3"].contains(kernel) ? 0x6_8000_00fb : 0))
    }

    @Test("an exit: a kernel that does not name the vCPU leaves it unknown", arguments: kernels)
    func exit(kernel: String) throws {
        let (event, _) = try decode(
            kernel, "kvm_exit",
            [
                "exit_reason": 15, "guest_rip": 0x1234, "isa": 1, "info1": 11, "info2": 12, "intr_info": 1,
                "error_code": 2, "vcpu_id": 9, "requests": 3,
            ])
        #expect(event.vcpuID == (kernel == "5.4" ? TraceEvent.unknownVCPU : 9))
        #expect(event.exitReason == 15 && event.isa == 1)
        #expect([event.value, event.value2, event.value3] == [0x1234, 11, 12])
    }

    @Test("the host's accesses", arguments: kernels, ["write_msr", "read_msr", "rdpmc"])
    func host(kernel: String, name: String) throws {
        let (event, _) = try decode(kernel, name, ["msr": 0x4000_0001, "val": -1, "failed": 1])
        #expect(event.kind.tracepoint == name && event.register == 0x4000_0001)
        #expect(event.value == .max && event.failed)
    }

    @Test("a task switch", arguments: kernels)
    func taskSwitch(kernel: String) throws {
        let (event, comms) = try decode(
            kernel, "sched_switch",
            ["prev_pid": 7, "prev_prio": 120, "prev_state": 1, "next_pid": 8, "next_prio": 99],
            texts: ["prev_comm": "CPU 0/KVM", "next_comm": "fifteen bytes.."])
        #expect(event.pid == 7 && event.nextPID == 8 && event.value == 1)
        #expect([event.prevPrio, event.nextPrio] == [120, 99])
        #expect(comms == ["CPU 0/KVM", "fifteen bytes.."])
    }
}
