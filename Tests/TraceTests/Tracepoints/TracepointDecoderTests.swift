import Testing
import Trace

@Suite("Tracepoint decoder")
struct TracepointDecoderTests {
    private func decoder(_ text: String) throws -> TracepointDecoder {
        try TracepointDecoder(format: TracepointFormat(parsing: text))
    }

    private func record(length: Int, pid: Int32 = 42, flags: UInt8 = 0) -> RawRecord {
        var record = RawRecord(length: length)
        record.put(flags, at: 2)
        record.put(pid, at: 4)
        return record
    }

    private func decode(_ record: RawRecord, _ text: String) throws -> (TraceEvent, TraceBuffer) {
        var buffer = TraceBuffer(metadata: TraceMetadata(source: "test", tool: "test", clock: "local"))
        return (try record.decode(with: decoder(text), into: &buffer), buffer)
    }

    @Test(
        "a guest's register access keeps direction and exception apart",
        arguments: [(true, false), (true, true), (false, false), (false, true)])
    func decodesGuestAccess(write: Bool, exception: Bool) throws {
        var raw = record(length: 28, flags: 0x40)
        raw.put(UInt32(write ? 1 : 0), at: 8)
        raw.put(UInt32(0xc001_0200), at: 12)
        raw.put(UInt64.max - 5, at: 16)
        raw.put(UInt8(exception ? 1 : 0), at: 24)
        let (event, _) = try decode(raw, FormatFixture.kvmMSR)
        var expected = TraceEvent.kvmMSR(
            time: 5, pcpu: 3, pid: 42, write: write, register: 0xc001_0200, data: .max - 5, exception: exception)
        expected.flags = 0x40
        #expect(event == expected)
        #expect(event.inNMI)
    }

    @Test("an access is the same read field by field and by one load each, wherever the fields lie", arguments: 0..<200)
    func loadsFields(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        // Anywhere behind the common fields, overlapping or not, of any width and sign that a kernel could give them.
        func place(_ name: String, widths: [Int], signed: [Int]) -> String {
            let (size, offset) = (widths.randomElement(using: &random)!, Int.random(in: 8...60, using: &random))
            return "u \(name);\toffset:\(offset);\tsize:\(size);\tsigned:\(signed.randomElement(using: &random)!);"
        }
        let widths = [1, 2, 4, 8]
        let text = FormatFixture.text(
            "kvm_msr", id: 1,
            [
                place("write", widths: widths, signed: [0, 1]), place("ecx", widths: widths, signed: [0, 1]),
                place("data", widths: widths, signed: [0, 1]), place("exception", widths: widths, signed: [0, 1]),
            ])
        let decoder = try decoder(text)
        let bytes = (0..<decoder.recordLength + 8).map { _ in UInt8.random(in: 0...255, using: &random) }
        for length in [decoder.recordLength - 1, decoder.recordLength, bytes.count] {
            try bytes[..<length].withUnsafeBytes { raw in
                var fast = TraceEvent(time: .max, pcpu: .max, pid: .max, kind: .rdpmc, value2: 7, value3: 7, isa: 7)
                let isDone = decoder.decodeAccess(raw, time: 5, pcpu: 3, into: &fast)
                guard length >= decoder.recordLength else {
                    #expect(!isDone)
                    return
                }
                guard isDone else { return }
                let plain = try decoder.decode(raw, time: 5, pcpu: 3) { _ in 0 }
                #expect(fast == plain)
            }
        }
    }

    @Test(
        "a task switch between known names is the same read field by field and by one load each, and no other is taken",
        arguments: 0..<200)
    func loadsSwitches(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        func place(_ name: String, _ sizes: [Int], type: String = "u") -> String {
            let (size, offset) = (sizes.randomElement(using: &random)!, Int.random(in: 8...90, using: &random))
            let sign = type == "u" ? Int.random(in: 0...1, using: &random) : 0
            return "\(type) \(name);\toffset:\(offset);\tsize:\(size);\tsigned:\(sign);"
        }
        let widths = [1, 2, 4, 8]
        let (names, others) = (seed % 4 == 0 ? [12, 16, 20] : [16], seed % 4 == 1 ? widths : [4])
        let text = FormatFixture.text(
            "sched_switch", id: 1,
            [
                place("prev_comm[16]", names, type: "char"), place("prev_pid", others), place("prev_prio", others),
                place("prev_state", seed % 4 == 1 ? widths : [8]), place("next_comm[16]", names, type: "char"),
                place("next_pid", others), place("next_prio", others),
            ])
        let decoder = try decoder(text)
        let bytes = (0..<decoder.recordLength + 8).map { _ in UInt8.random(in: 0...255, using: &random) }
        for length in [decoder.recordLength - 1, decoder.recordLength, bytes.count] {
            try bytes[..<length].withUnsafeBytes { raw in
                var fast = TraceEvent(time: .max, pcpu: .max, pid: .max, kind: .rdpmc, b: 7, value2: 7, isa: 7)
                #expect(!decoder.decodeSwitch(raw, time: 5, pcpu: 3, names: CommCache(), into: &fast))
                guard length >= decoder.recordLength else { return }
                var table: [String] = []
                var known = CommCache()
                let plain = try decoder.decode(raw, time: 5, pcpu: 3, names: &known) { name in
                    table.append(name)
                    return UInt32(table.count)
                }
                let isDone = decoder.decodeSwitch(raw, time: 5, pcpu: 3, names: known, into: &fast)
                if isDone { #expect(fast == plain) }
            }
        }
    }

    @Test("this kernel's layout of a task switch is read by loads")
    func knowsSwitches() throws {
        let bytes = [UInt8](repeating: 0, count: 64)
        let decoder = try decoder(FormatFixture.schedSwitch)
        var event = TraceEvent(time: 0, pcpu: 0, pid: 0, kind: .rdpmc)
        var names = CommCache()
        let isDone = try bytes.withUnsafeBytes { raw in
            _ = try decoder.decode(raw, time: 0, pcpu: 0, names: &names) { _ in 3 }
            return decoder.decodeSwitch(raw, time: 0, pcpu: 0, names: names, into: &event)
        }
        #expect(isDone)
        #expect(event.prevComm == 3 && event.nextComm == 3)
    }

    @Test("this kernel's layout of an access is read by loads")
    func knowsAccesses() throws {
        let bytes = [UInt8](repeating: 0, count: 64)
        let decoder = try decoder(FormatFixture.kvmMSR)
        var event = TraceEvent(time: 0, pcpu: 0, pid: 0, kind: .rdpmc)
        let isDone = bytes.withUnsafeBytes { decoder.decodeAccess($0, time: 0, pcpu: 0, into: &event) }
        #expect(isDone)
    }

    @Test("an entry record reads the same fields wherever the kernel puts them, and 0 for those it lacks")
    func decodesEntryOfEachKernel() throws {
        var raw = record(length: 36)
        raw.put(UInt32(7), at: 8)
        raw.put(UInt64(0xfff0), at: 16)
        raw.put(UInt8(1), at: 24)
        raw.put(UInt32(0x8000_0202), at: 28)
        raw.put(UInt32(9), at: 32)
        let (newest, _) = try decode(raw, FormatFixture.kvmEntry618)
        #expect(newest.vcpuID == 7 && newest.value == 0xfff0 && newest.b == 1)
        #expect(newest.value2 == 0x8000_0202 | 9 << 32)
        let (older, _) = try decode(raw, FormatFixture.kvmEntry612)
        #expect(older.vcpuID == 7 && older.value == 0xfff0 && older.value2 == 0)
        let (oldest, _) = try decode(raw, FormatFixture.kvmEntry54)
        #expect(oldest.vcpuID == 7 && oldest.value == 0 && oldest.b == 0)
    }

    @Test("an exit record that does not name its vCPU says so")
    func decodesExitWithoutVCPU() throws {
        var raw = record(length: 48)
        raw.put(UInt32(15), at: 8)
        raw.put(UInt64(0x1234), at: 16)
        raw.put(UInt32(1), at: 24)
        raw.put(UInt64(3), at: 32)
        raw.put(UInt64(4), at: 40)
        let (event, _) = try decode(raw, FormatFixture.kvmExit54)
        #expect(event.vcpuID == TraceEvent.unknownVCPU)
        #expect(event.exitReason == 15 && event.value == 0x1234 && event.isa == 1)
        #expect(event.value2 == 3 && event.value3 == 4)
    }

    @Test("a host access that failed has a negative errno and reads as failed")
    func decodesFailedAccess() throws {
        var raw = record(length: 28)
        raw.put(UInt32(0x186), at: 8)
        raw.put(UInt64(0x53_00c0), at: 16)
        raw.put(Int32(-5), at: 24)
        let (event, _) = try decode(raw, FormatFixture.writeMSR)
        #expect(
            event
                == .host(.writeMSR, time: 5, pcpu: 3, pid: 42, register: 0x186, value: 0x53_00c0, failed: true))
    }

    @Test("a task switch gives both threads, and a name without its NUL ends with its field")
    func decodesSwitch() throws {
        var raw = record(length: 64, pid: 100)
        raw.put("CPU 0/KVM", at: 8)
        raw.put(Int32(100), at: 24)
        raw.put(Int32(120), at: 28)
        raw.put(Int64(1), at: 32)
        raw.put("0123456789abcdef", at: 40)
        raw.put(Int32(0), at: 56)
        raw.put(Int32(-1), at: 60)
        let (event, buffer) = try decode(raw, FormatFixture.schedSwitch)
        #expect(event.pid == 100 && event.nextPID == 0 && event.value == 1)
        #expect(event.prevPrio == 120 && event.nextPrio == .max)
        #expect(buffer.comms == ["CPU 0/KVM", "0123456789abcdef"])
        #expect(event.prevComm == 0 && event.nextComm == 1)
    }

    @Test("names behind data locations are found from the record and from the word")
    func decodesDynamicNames() throws {
        var raw = record(length: 64, pid: 1)
        raw.put(UInt32(5 << 16 | 48), at: 8)
        raw.put("init\0", at: 48)
        raw.put(UInt32(4 << 16 | 20), at: 32)
        raw.put("sh\0\0", at: 56)
        let (_, buffer) = try decode(raw, FormatFixture.dynamicSchedSwitch)
        #expect(buffer.comms == ["init", "sh"])
    }

    @Test("a data location that leaves its record is refused, not followed")
    func refusesWildLocation() throws {
        var raw = record(length: 64, pid: 1)
        raw.put(UInt32(5 << 16 | 60), at: 8)
        #expect(
            throws: TracepointError.fieldOutsideRecord(
                tracepoint: "sched_switch", field: "prev_comm", offset: 60, length: 5, record: 64)
        ) { try decode(raw, FormatFixture.dynamicSchedSwitch) }
    }

    @Test("a record is refused one byte below its format's end", arguments: 0..<25)
    func refusesShortRecord(length: Int) throws {
        #expect(throws: TracepointError.shortRecord(tracepoint: "kvm_msr", needed: 25, got: length)) {
            try decode(RawRecord(length: length), FormatFixture.kvmMSR)
        }
    }

    @Test("a tracepoint of another kind is refused by name")
    func refusesOtherTracepoint() {
        let text = FormatFixture.text("kvm_pio", id: 3, ["unsigned int rw;\toffset:8;\tsize:4;\tsigned:0;"])
        #expect(throws: TracepointError.notOurs(name: "kvm_pio")) { try decoder(text) }
    }

    @Test("a layout without a needed field, or with one of an impossible size, is refused")
    func refusesUnusableLayout() {
        let missing = FormatFixture.text("write_msr", id: 3, ["unsigned msr;\toffset:8;\tsize:4;\tsigned:0;"])
        #expect(throws: TracepointError.self) { try decoder(missing) }
        let odd = FormatFixture.writeMSR.replacing("offset:16;\tsize:8", with: "offset:16;\tsize:3")
        #expect(
            throws: TracepointError.unusableField(
                tracepoint: "write_msr", field: "val", reason: "has 3 bytes and is no integer")
        ) { try decoder(odd) }
    }

    @Test("system and name together pick the kind")
    func findsKind() {
        #expect(EventKind(system: "kvm", tracepoint: "kvm_msr") == .kvmMSR)
        #expect(EventKind(system: "msr", tracepoint: "kvm_msr") == nil)
        #expect(EventKind.rdpmc.qualifiedName == "msr:rdpmc")
    }
}
