import Testing

@testable import Import

@Suite("rows of text")
struct TextRowTests {
    struct Columns: Equatable, Sendable {
        var comm: String?
        var tid: Int32?
        var cpu: UInt16?
        var time: UInt64?
        var event: String
        var system: String?
        var body: String
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var line: String
        var columns: Columns
        var testDescription: String { line }

        init(
            _ line: String, _ comm: String?, _ tid: Int32?, _ cpu: UInt16?, _ time: UInt64?, _ event: String,
            _ system: String? = nil, body: String = "x"
        ) {
            self.line = line
            columns = Columns(comm: comm, tid: tid, cpu: cpu, time: time, event: event, system: system, body: body)
        }
    }

    static let second: UInt64 = 1_000_000_000

    static let cases = [
        // perf script
        Case(" qemu  310 [001]  3130.273529:  kvm:kvm_msr: x", "qemu", 310, 1, 3_130_273_529_000, "kvm_msr", "kvm"),
        Case(" qemu  310 [001]  3130.273529123: kvm:kvm_msr: x", "qemu", 310, 1, 3_130_273_529_123, "kvm_msr", "kvm"),
        Case(
            "CPU 0/KVM 1821753 [015] 4.5: kvm:kvm_msr: x", "CPU 0/KVM", 1_821_753, 15, 4_500_000_000, "kvm_msr", "kvm"),
        Case("g 10612/10613 [000] 9.000001:  a:b: x", "g", 10613, 0, 9_000_001_000, "b", "a"),
        Case("  936.459355:   kvm:kvm_msr: x", nil, nil, nil, 936_459_355_000, "kvm_msr", "kvm"),
        Case("g [000]   kvm:kvm_msr: x", "g", nil, 0, nil, "kvm_msr", "kvm"),
        Case("   kvm:kvm_msr: x", nil, nil, nil, nil, "kvm_msr", "kvm"),
        Case("g 10612   936.5:     1   kvm:kvm_msr: x", "g", 10612, nil, 936_500_000_000, "kvm_msr", "kvm"),
        Case("10612 [000] K   936.5:  kvm:kvm_msr: x", nil, 10612, 0, 936_500_000_000, "kvm_msr", "kvm"),
        Case(" :-1    -1 [001]  1.0: msr:write_msr: x", ":-1", -1, 1, second, "write_msr", "msr"),
        Case("kdamond.0  77 [1] 1.0: a:b: x", "kdamond.0", 77, 1, second, "b", "a"),
        Case("memfd:sealed-91 2450 [001] 1.0: a:b: x", "memfd:sealed-91", 2450, 1, second, "b", "a"),
        // A comm that looks like the rest of a row.
        Case("a [000] b: 5 [001] 1.0: kvm:kvm_msr: x", "a [000] b:", 5, 1, second, "kvm_msr", "kvm"),
        Case("kvm_msr: 5 [001] 1.0: kvm:kvm_msr: x", "kvm_msr:", 5, 1, second, "kvm_msr", "kvm"),
        // ftrace
        Case("  bash-12952   [001] ...2.  1234.651595: write_msr: x", "bash", 12952, 1, 1_234_651_595_000, "write_msr"),
        Case("<idle>-0 [000] d..2. 1.000000: sched_switch: x", "<idle>", 0, 0, second, "sched_switch"),
        Case(
            "<...>-59160 [027] d.h. 765531.617697: write_msr: x", "<...>", 59160, 27, 765_531_617_697_000, "write_msr"),
        Case(" CPU 1/KVM-20220 [000] .....  2.5: kvm_msr: x", "CPU 1/KVM", 20220, 0, 2_500_000_000, "kvm_msr"),
        Case("bash-19879 (  19879) [001] d..2.  2.0: kvm_msr: x", "bash", 19879, 1, 2 * second, "kvm_msr"),
        Case("bash-19879 (-------) [001] d..2.  2.0: kvm_msr: x", "bash", 19879, 1, 2 * second, "kvm_msr"),
        Case("bash-12 [001]   2.0: kvm_msr: x", "bash", 12, 1, 2 * second, "kvm_msr"),
        Case("a-5-77 [000] d... 1.0: kvm_msr: x", "a-5", 77, 0, second, "kvm_msr"),
        // The latency format, with the option verbose, and trace-cmd's with and without -R.
        Case(
            "   vpmu   24381   1 45 00000000 00000027 [329b0aa9e] 63.917ms (+0.000ms): write_msr: x", "vpmu", 24381, 1,
            13_584_345_758_000, "write_msr"),
        Case("CPU 0/KVM 7 0 1 00000000 00000000 [a] 0.010ms (+0.013ms): a: x", "CPU 0/KVM", 7, 0, 10_000, "a"),
        Case("vpmu-9834    0dNh1.34349153907548: write_msr: x", "vpmu", 9834, 0, 34_349_153_907_548, "write_msr"),
        Case("vpmu-9834    0d..2.34349153937032: (+29)    a: x", "vpmu", 9834, 0, 34_349_153_937_032, "a"),
        Case("vpmu-9834    1-0x2d  2.0: write_msr: x", "vpmu", 9834, 1, 2 * second, "write_msr"),
        Case("1234-5678 [000] d... 1.0: kvm_msr: x", "1234", 5678, 0, second, "kvm_msr"),
        Case("bash-12 [001] d..2. 7010099883941: kvm_msr: x", "bash", 12, 1, 7_010_099_883_941, "kvm_msr"),
        Case("  g2-13049   0d..3.  1232.589783: write_msr:     x", "g2", 13049, 0, 1_232_589_783_000, "write_msr"),
        Case("  bash-12952   1d..2.   651595us : write_msr: x", "bash", 12952, 1, 651_595_000, "write_msr"),
        Case("  bash-12952   1d..2.   651595us!: write_msr: x", "bash", 12952, 1, 651_595_000, "write_msr"),
        // trace-cmd report
        Case(" migration/0-18    [000]  1.0: write_msr:       x", "migration/0", 18, 0, second, "write_msr"),
        Case(" g2-13070 [001]2832157830777: kvm_msr:   x", "g2", 13070, 1, 2_832_157_830_777, "kvm_msr"),
        Case("realtr1:       g2-13070 [001]  1.0: kvm_msr: x", "g2", 13070, 1, second, "kvm_msr"),
        Case("kworker/0:2-401 [000]  1.0: kvm_msr: x", "kworker/0:2", 401, 0, second, "kvm_msr"),
        Case(" g2-13049 [001]  1.0: (+13)    kvm_msr:  x", "g2", 13049, 1, second, "kvm_msr"),
        // mails
        Case("> > bash-12 [001] d..2.  1.0: kvm_msr: x", "bash", 12, 1, second, "kvm_msr"),
        Case("bash-12 [001] d..2.  1.0: write_msr:", "bash", 12, 1, second, "write_msr", body: ""),
    ]

    @Test("the columns of a row are told apart", arguments: cases)
    func columns(_ sample: Case) throws {
        try Array(sample.line.utf8).withUnsafeBytes { bytes in
            let row = try #require(TextRow(bytes))
            var time: UInt64?
            switch row.time {
            case .nanoseconds(let value), .raw(let value): time = value
            case nil: break
            }
            #expect(
                Columns(
                    comm: row.comm?.string, tid: row.tid, cpu: row.cpu, time: time, event: row.event.string,
                    system: row.system?.string, body: row.body.string) == sample.columns)
        }
    }

    @Test(
        "what is no row is none",
        arguments: [
            "", "cpus=2", "CPU 0 is empty", "\tffffffff812a1b74 emulator_set_msr+0x4 ([kernel.kallsyms])",
            " => native_write_msr",
            "MSR_CORE_PERF_GLOBAL_CTRL(38f), value 0", "counter", "15822 msr_write, MSR_CORE_PERF_GLOBAL_CTRL",
            "value: 5", "1.0:",
            "[001] 1.0:", ": : :", "a:b:c:d: x",
        ])
    func none(_ line: String) {
        Array(line.utf8).withUnsafeBytes { #expect(TextRow($0) == nil) }
    }

    @Test(
        "flags are those of common_flags",
        arguments: [
            ("d..2.", 0x01), ("d.h1.", 0x09), ("...1.", 0), (".....", 0), ("dN.2.", 0x25), ("d.s..", 0x11),
            ("d.H..", 0x19),
            ("d.z..", 0x41), ("d.Z..", 0x49), ("D....", 0x81), ("b....", 0x80),
        ] as [(String, UInt8)])
    func flags(_ text: String, _ flags: UInt8) throws {
        try Array("a-1 [000] \(text) 1.0: kvm_msr: x".utf8).withUnsafeBytes { bytes in
            let row = try #require(TextRow(bytes))
            #expect(row.flags == flags)
        }
    }
}
