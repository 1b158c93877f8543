import Testing
import Trace

@testable import Capture

@Suite("Host description")
struct HostTests {
    @Test(
        "family and model are put together from CPUID leaf 1",
        arguments: [
            // Skylake-SP, Zen 2, Zen 4, Pentium 4.
            (0x0005_0654, 6, 0x55, 4), (0x0083_0f10, 0x17, 0x31, 0), (0x00a1_0f11, 0x19, 0x11, 1),
            (0x0000_0f29, 15, 2, 9),
        ] as [(UInt32, UInt32, UInt32, UInt32)])
    func readsVersion(eax: UInt32, family: UInt32, model: UInt32, stepping: UInt32) {
        let version = HostDescription.version(eax)
        #expect(version == (family, model, stepping))
    }

    @Test(
        "vCPU numbers are read off the names that VMMs give their threads",
        arguments: [
            ("CPU 0/KVM", 0), ("CPU 17/KVM", 17), ("fc_vcpu 3", 3), ("vcpu12", 12), ("crosvm_vcpu1", 1),
            ("CPU x/KVM", nil),
            ("CPU /KVM", nil), ("qemu-system-x86", nil), ("vcpu", nil), ("IO mon_iothread", nil),
        ] as [(String, Int?)])
    func readsThreadNames(name: String, vcpu: Int?) {
        #expect(ThreadAttribution.vcpuIndex(ofThreadNamed: name) == vcpu)
    }

    @Test(
        "a VM's name is read off QEMU's command line",
        arguments: [
            (["qemu", "-name", "db1"], "db1"), (["qemu", "-name", "guest=web,debug-threads=on"], "web"),
            (["qemu", "-name", "debug-threads=on,guest=web"], "web"), (["qemu", "-name", "debug-threads=on"], nil),
            (["qemu", "-name", "a,,b"], "a,b"), (["qemu", "-name"], nil), (["qemu", "-m", "1G"], nil),
        ] as [([String], String?)])
    func readsVMName(arguments: [String], name: String?) {
        #expect(GuestThreads.vmName(arguments: arguments) == name)
    }

    @Test(
        "the recording policy follows from KVM's parameters",
        arguments: [
            ([:], nil), (["kvm.enable_pmu": "Y"], "emulated"), (["kvm.enable_pmu": "N"], "none"),
            (["kvm.enable_pmu": "Y", "kvm_intel.enable_mediated_pmu": "Y"], "mediated"),
            (["kvm.enable_pmu": "Y", "kvm_amd.enable_mediated_pmu": "N"], "emulated"),
        ] as [([String: String], String?)])
    func findsPolicy(parameters: [String: String], policy: String?) {
        #expect(HostDescription.recordedPolicy(parameters) == policy)
    }

    @Test(
        "lists of CPUs are read as the kernel writes them",
        arguments: [("0", [0]), ("0-3", [0, 1, 2, 3]), ("5,0-1", [0, 1, 5]), ("2,2,1-2", [1, 2])])
    func readsCPULists(text: String, cpus: [Int]) throws {
        #expect(try CPUList.parse(text) == cpus)
    }

    @Test("what is no list of CPUs is refused", arguments: ["", "a", "1-", "-1", "3-1", "0-99999999", "1,,2", "1-2-3"])
    func refusesOtherLists(text: String) {
        #expect(throws: CaptureError.self) { try CPUList.parse(text) }
    }

    @Test("a filter names the register's field where there is one")
    func makesFilters() {
        #expect(EventKind.allCases.allSatisfy { KernelFilter(registers: .all).expression(for: $0) == nil })
        let pmu = KernelFilter(registers: .pmu)
        #expect(pmu.expression(for: .kvmMSR)?.contains("(ecx >= 0x186 && ecx <= 0x18f) || ") == true)
        #expect(pmu.expression(for: .writeMSR)?.contains(" || msr == 0x329 || ") == true)
        #expect(pmu.expression(for: .rdpmc) == nil)
        #expect(pmu.expression(for: .schedSwitch) == nil)
    }

    @Test("a filter lets through the registers of the PMU and no other")
    func filtersRegisters() throws {
        let expression = try #require(KernelFilter(registers: .pmu).expression(for: .kvmMSR))
        let edges = PMURegisters.ranges.flatMap { range in
            [range.lowerBound - 1, range.lowerBound, range.upperBound, range.upperBound + 1]
        }
        for register in edges + [0, 0x48, 0x600, 0x6e0, 0x830, 0xc000_0080, 0xc000_0102, .max] {
            var rest = Substring(expression)
            #expect(allows(&rest, register) == PMURegisters.contains(register), "\(String(register, radix: 16))")
            #expect(rest.isEmpty)
        }
    }

    /// What the kernel makes of an expression: `&&` binds more tightly than `||`.
    private func allows(_ text: inout Substring, _ register: UInt32) -> Bool {
        func skip(_ token: String) -> Bool {
            while text.first == " " { text.removeFirst() }
            guard text.hasPrefix(token) else { return false }
            text.removeFirst(token.count)
            return true
        }
        func primary() -> Bool {
            if skip("(") {
                let inner = allows(&text, register)
                #expect(skip(")"))
                return inner
            }
            #expect(skip("ecx"))
            let (atLeast, atMost) = (skip(">="), skip("<="))
            #expect(atLeast || atMost || skip("=="))
            #expect(skip("0x"))
            let digits = text.prefix { $0.isHexDigit }
            text.removeFirst(digits.count)
            let number = UInt32(digits, radix: 16) ?? 0
            if atLeast { return register >= number }
            return atMost ? register <= number : register == number
        }
        func all() -> Bool {
            var result = primary()
            while skip("&&") { result = primary() && result }
            return result
        }
        var result = all()
        while skip("||") { result = all() || result }
        return result
    }

    @Test(
        "ring sizes are rounded up to powers of two, and are at least a page",
        arguments: [(1, 4096), (4096, 4096), (4097, 8192), (1_000_000, 1 << 20)] as [(UInt64, UInt64)])
    func roundsRings(asked: UInt64, used: UInt64) throws {
        var options = RecordingOptions()
        options.bufferBytes = asked
        #expect(try options.ringBytes(cpus: 2) == max(used, HostMemory.pageBytes))
    }
}

@Suite("Event stage")
struct EventStageTests {
    private func event(_ time: UInt64) -> TraceEvent {
        TraceEvent(time: time, pcpu: 0, pid: 0, kind: .kvmMSR)
    }

    @Test("a record that an interrupt overtook is put back in its place")
    func restoresOrder() throws {
        var stage = EventStage()
        var buffer = TraceBuffer(metadata: TraceMetadata(source: "test", tool: "test", clock: "local"))
        for time in [1, 5, 6, 7, 3, 8] as [UInt64] { stage.add(event(time)) }
        try stage.flush(into: &buffer, everything: true)
        #expect(buffer.events.map(\.time) == [1, 3, 5, 6, 7, 8])
        #expect(stage.movedTimes == 0)
    }

    @Test("the newest events wait for what may still overtake them")
    func holdsBack() throws {
        var stage = EventStage()
        var buffer = TraceBuffer(metadata: TraceMetadata(source: "test", tool: "test", clock: "local"))
        for time in 0..<100 { stage.add(event(UInt64(time))) }
        try stage.flush(into: &buffer)
        #expect(buffer.events.count == 100 - EventStage.heldBack)
        stage.add(event(50))
        try stage.flush(into: &buffer, everything: true)
        #expect(buffer.events.map(\.time) == (Array(0...50) + Array(50..<100)).map { UInt64($0) })
    }

    @Test("an event later than any disorder allows is moved, counted and never breaks the order")
    func movesStragglers() throws {
        var stage = EventStage()
        var buffer = TraceBuffer(metadata: TraceMetadata(source: "test", tool: "test", clock: "local"))
        for time in 100..<300 { stage.add(event(UInt64(time))) }
        try stage.flush(into: &buffer)
        stage.add(event(1))
        try stage.flush(into: &buffer, everything: true)
        #expect(buffer.events.count == 201)
        #expect(stage.movedTimes == 1)
        let times = buffer.events.map(\.time)
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
    }
}
