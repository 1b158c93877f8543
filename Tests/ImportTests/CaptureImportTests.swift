import Testing
import Trace

@testable import Import

@Suite(
    "recordings of real tools",
    .enabled(if: Captures.arePresent, "the recordings are not beside the checkout (VPMU_SHARED names another place)"))
struct CaptureImportTests {
    struct Expected: Sendable, CustomTestStringConvertible {
        var file: String
        /// kvm_msr, kvm_entry, kvm_exit, write_msr, read_msr, rdpmc, sched_switch.
        var taken: [UInt64]
        var faults: Int = 0
        var others: UInt64 = 0
        var testDescription: String { file }
    }

    static let expected = [
        Expected(
            file: "ours/pmuseq-2vcpu.perf.data.zst", taken: [132_000, 0, 0, 536, 4200, 0, 298], faults: 100_000,
            others: 108_020),
        Expected(
            file: "ours/pmuseq-2vcpu.z.perf.data", taken: [132_000, 0, 0, 319, 4054, 0, 99], faults: 100_000,
            others: 108_006),
        Expected(
            file: "ours/pmuseq-2vcpu.pipe.perf.data.zst", taken: [132_000, 0, 0, 474, 4178, 0, 398], faults: 100_000,
            others: 108_019),
        Expected(
            file: "ours/pmuseq-2vcpu.v6.trace.dat.zst", taken: [132_000, 0, 0, 255, 4036, 0, 70], faults: 100_000,
            others: 108_005),
        Expected(
            file: "ours/pmuseq-2vcpu.v7.zstd.trace.dat", taken: [132_000, 0, 0, 238, 4037, 0, 58], faults: 100_000,
            others: 108_004),
        Expected(file: "ours/pmuseq-2vcpu.ftrace.txt", taken: [2593, 0, 0, 14, 96, 0, 10], faults: 1961, others: 2117),
        Expected(file: "ours/wrmsr-loop.z.perf.data", taken: [20_000, 0, 0, 50, 8, 0, 24], others: 1),
        Expected(file: "ours/wrmsr-loop.perf-script-ns.txt", taken: [1, 0, 0, 328, 834, 0, 245], others: 1592),
        Expected(
            file: "ours/wrmsr-loop.trace-cmd-report-ns.txt", taken: [1597, 0, 0, 17, 65, 0, 16], faults: 1209,
            others: 1304),
        Expected(file: "ours/linux-guest-boot.perf.data", taken: [109, 0, 0, 0, 0, 0, 0], faults: 2, others: 6),
        Expected(file: "ours/linux-guest-boot.perf-script.txt", taken: [109, 0, 0, 0, 0, 0, 0], faults: 2, others: 6),
        Expected(file: "foreign/LinuxTracepoints.pipe.data", taken: [0, 0, 0, 0, 0, 0, 297], others: 254),
        Expected(file: "foreign/perfparser-sched_switch.zstd.perf.data", taken: [0, 0, 0, 0, 0, 0, 9], others: 233),
        Expected(file: "foreign/sleep.data", taken: [0, 0, 0, 0, 0, 0, 0], others: 7),
        Expected(file: "foreign/sleep.compressed.data", taken: [0, 0, 0, 0, 0, 0, 0], others: 8),
        Expected(file: "foreign/sleep.compressed.pipe.data", taken: [0, 0, 0, 0, 0, 0, 0], others: 8),
        Expected(file: "foreign/sleep.compressed2.data", taken: [0, 0, 0, 0, 0, 0, 0], others: 7),
        Expected(file: "foreign/sleep.compressed2.pipe.data", taken: [0, 0, 0, 0, 0, 0, 0], others: 7),
        Expected(file: "foreign/fibo.compressed2.pipe.data", taken: [0, 0, 0, 0, 0, 0, 0], others: 547),
        Expected(
            file: "published/2019-11-14_kan-liang_msr-trace_cgroup-switch.txt", taken: [0, 0, 0, 39, 3, 7, 0]),
        Expected(file: "published/2020-01-16_kan-liang_msr-trace_pebs-autoreload.txt", taken: [0, 0, 0, 18, 0, 2, 0]),
        Expected(file: "published/2021-07-29_like-xu_kvm_msr-histogram.txt", taken: [0, 0, 0, 0, 0, 0, 0]),
        Expected(
            file: "published/ftrace_kvm_entry-exit-msr_intel_2023.txt", taken: [3, 11, 10, 0, 0, 0, 0], others: 1),
        Expected(file: "published/ftrace_sched_switch_vcpu_host.txt", taken: [0, 0, 0, 0, 0, 0, 4], others: 4),
        Expected(file: "published/microkvm-step39-40_kvm_msr_fedora.txt", taken: [11, 0, 0, 0, 0, 0, 0], faults: 10),
        Expected(file: "published/perf-script_kvm_msr_qemu-kvm_4vcpu.txt", taken: [12, 0, 0, 0, 0, 0, 0]),
    ]

    @Test("every record is taken and every other event counted", arguments: expected)
    func counts(_ expected: Expected) throws {
        let found = try Imported(try Captures.input(expected.file))
        #expect(EventKind.always.map { found.summary.taken($0) } == expected.taken)
        #expect(found.events.filter { $0.kind == .kvmMSR && $0.raisedException }.count == expected.faults)
        #expect(found.summary.othersTotal == expected.others)
        #expect(found.summary.damage == [])
        var last: [UInt16: UInt64] = [:]
        for event in found.events {
            #expect(event.time >= last[event.pcpu, default: 0])
            last[event.pcpu] = event.time
        }
    }

    @Test("a recording and perf script's text of it are the same to the record")
    func sameAsText() throws {
        let data = try Imported(try Captures.input("ours/linux-guest-boot.perf.data"))
        let text = try Imported(try Captures.input("ours/linux-guest-boot.perf-script.txt"))
        // The text has microseconds and no flags.
        let rounded = data.byTime.map { event in
            var event = event
            event.time = event.time / 1000 * 1000
            event.flags = 0
            return event
        }
        #expect(text.byTime == rounded)
    }

    @Test("the losses of a recording that lost 27.7 % are all carried over")
    func lost() throws {
        let found = try Imported(try Captures.input("ours/pmuseq-2vcpu.lost.perf.data.zst"))
        #expect(found.summary.taken(.kvmMSR) == 92_561)
        #expect(found.summary.lost == 73_119)
        #expect(found.trace.lost.reduce(0) { $0 + ($1.count ?? 0) } == 73_119)
    }

    @Test(
        "damaged recordings keep what precedes the damage",
        arguments: [("damaged/bitflip-in-zstd.perf.data", 67_881), ("damaged/trunc-500k.z.perf.data", 62_956)]
            as [(String, UInt64)])
    func damaged(_ file: String, _ kept: UInt64) throws {
        let found = try Imported(try Captures.input(file))
        #expect(found.summary.takenTotal == kept)
        #expect(found.summary.damage.count == 1)
    }

    @Test(
        "recordings damaged before their first record give one line",
        arguments: ["trunc-in-header.perf.data", "trunc-900k.v7.zstd.trace.dat"])
    func nothing(_ file: String) throws {
        let input = try Captures.input("damaged/\(file)")
        #expect {
            try Imported(input)
        } throws: { error in
            !"\(error)".contains("\n") && "\(error)".contains("damaged at byte")
        }
    }
}
