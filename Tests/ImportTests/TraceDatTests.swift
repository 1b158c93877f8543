import Testing
import Trace

@testable import Import

@Suite("trace.dat")
struct TraceDatTests {
    enum Form: CaseIterable {
        case version6, version7, version7Compressed

        func bytes(_ builder: TraceDatBuilder) -> [UInt8] {
            switch self {
            case .version6: builder.version6()
            case .version7: builder.version7(compressed: false)
            case .version7Compressed: builder.version7(compressed: true)
            }
        }
    }

    /// Pages with `perPage` guest writes each, one every 10 units.
    static func pages(_ count: Int, from start: UInt64, perPage: Int = 20, missedBefore: [Int: UInt64] = [:])
        -> [[UInt8]]
    {
        (0..<count).map { index in
            var page = RingPage(time: start + UInt64(index * perPage * 10), missed: missedBefore[index])
            for place in 0..<perPage {
                page.add(Tracepoints.kvmMSR(0x186, UInt64(index * perPage + place)), after: place == 0 ? 0 : 10)
            }
            return page.bytes()
        }
    }

    static var recording: TraceDatBuilder {
        TraceDatBuilder(buffers: [.init(cpus: [pages(3, from: 1000), pages(5, from: 1005)])])
    }

    @Test("every version gives the same records", arguments: Form.allCases)
    func forms(_ form: Form) throws {
        let found = try Imported(form.bytes(Self.recording))
        #expect(found.summary.taken == [.init(name: "kvm:kvm_msr", records: 160)])
        #expect(found.summary.damage == [])
        let times = found.events.filter { $0.pcpu == 0 }.map(\.time)
        #expect(times == Array(stride(from: 1000 as UInt64, to: 1600, by: 10)))
        let values = found.events.filter { $0.pcpu == 1 }.map(\.value)
        #expect(values == Array(0..<100 as Range<UInt64>))
        #expect(found.metadata.kernel == "6.18.44")
        #expect(found.metadata.clock == "local")
        #expect(found.metadata.threads == [.init(tid: 7, pid: nil, comm: "CPU 0/KVM", vcpu: 0)])
    }

    @Test("the buffers of instances are merged by time", arguments: Form.allCases)
    func instances(_ form: Form) throws {
        var top = RingPage(time: 100)
        top.add(Tracepoints.schedSwitch("a", 1, "b", 2))
        top.add(Tracepoints.schedSwitch("b", 2, "a", 1), after: 100)
        var instance = RingPage(time: 50)
        instance.add(Tracepoints.writeMSR(0x38f, 1))
        instance.add(Tracepoints.writeMSR(0x38f, 2), after: 100)
        instance.add(Tracepoints.kvmPIO(), after: 1)
        let builder = TraceDatBuilder(buffers: [
            .init(cpus: [[top.bytes()]]), .init(name: "mine", cpus: [[instance.bytes()]]),
        ])
        let found = try Imported(form.bytes(builder))
        #expect(found.events.map(\.time) == [50, 100, 150, 200])
        #expect(found.summary.others == [.init(name: "kvm:kvm_pio", records: 1)])
        #expect(found.summary.notes.contains("instances: mine"))
    }

    @Test(
        "of several buffers those whose description was cut off are found behind the others", arguments: [false, true])
    func cutDescription(isCompressed: Bool) throws {
        var builder = TraceDatBuilder(buffers: [
            .init(cpus: []), .init(name: "a", cpus: [Self.pages(2, from: 1000)]),
            .init(name: "b", cpus: [Self.pages(3, from: 5000)]),
        ])
        builder.fillsBufferSizes = false
        let found = try Imported(Array(builder.version7(compressed: isCompressed).dropLast(30)))
        #expect(found.events.count == 100)
        #expect(found.events.last?.time == 5590)
        #expect(!found.summary.damage.isEmpty)
    }

    @Test("an instance whose place a failed recorder left empty costs nothing but itself")
    func emptyInstance() throws {
        let name = "mine"
        var top = RingPage(time: 100)
        top.add(Tracepoints.schedSwitch("a", 1, "b", 2))
        let builder = TraceDatBuilder(buffers: [.init(cpus: [[top.bytes()]]), .init(name: name, cpus: [[]])])
        var bytes = builder.version6()
        let option: [UInt8] = [3, 0, UInt8(9 + name.utf8.count), 0, 0, 0]
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: option) }) + option.count
        bytes.replaceSubrange(place..<place + 8, with: [UInt8](repeating: 0, count: 8))
        let found = try Imported(bytes)
        #expect(found.events.map(\.time) == [100])
        #expect(found.summary.damage.count == 1)
        #expect(found.summary.damage[0].reason.contains("instance mine"))
    }

    @Test("lost records carry their number and the times around them", arguments: Form.allCases)
    func lost(_ form: Form) throws {
        let builder = TraceDatBuilder(buffers: [.init(cpus: [Self.pages(3, from: 1000, missedBefore: [1: 17])])])
        let found = try Imported(form.bytes(builder))
        #expect(found.summary.lost == 17)
        #expect(found.trace.lost == [LostRecords(pcpu: 0, kind: nil, count: 17, earliest: 1190, latest: 1200)])
    }

    @Test("the kernel's counts of overwritten records are carried over as far as the pages do not tell them")
    func statistics() throws {
        var builder = TraceDatBuilder(buffers: [.init(cpus: [Self.pages(3, from: 1000, missedBefore: [1: 17])])])
        builder.statistics = ["CPU: 0\nentries: 60\noverrun: 20\ndropped events: 5\n"]
        let found = try Imported(builder.version6())
        #expect(found.summary.lost == 25)
        #expect(found.trace.lost.last == LostRecords(pcpu: 0, kind: nil, count: 8, earliest: 1000, latest: 1590))
    }

    @Test("TSC cycles become nanoseconds where the file says how, and are called cycles where it does not")
    func tsc() throws {
        var builder = TraceDatBuilder(buffers: [.init(cpus: [Self.pages(1, from: 1 << 40)])])
        builder.clock = "local [x86-tsc]\n"
        let raw = try Imported(builder.version6())
        #expect(raw.events.first?.time == 1 << 40)
        #expect(raw.metadata.clock == "x86-tsc")
        #expect(raw.metadata.blindSpots.contains { $0.contains("TSC cycles") })
        // 3 / 2^2 ns a cycle.
        builder.options = [(14, bytes(UInt32(3), 2) + bytes(UInt64(0)))]
        let scaled = try Imported(builder.version6())
        let threeQuarters: UInt64 = 3 << 38
        #expect(scaled.events.first?.time == threeQuarters)
        #expect(scaled.metadata.blindSpots.isEmpty)
    }

    @Test("a product of cycles and multiplier beyond 64 bits is right")
    func wideProduct() {
        let clock = TraceDatClock(multiplier: 0xffff_ffff, shift: 32)
        #expect(clock.nanoseconds(1 << 50) == (1 << 50) - (1 << 18))
    }

    @Test("a file cut in its pages keeps what precedes", arguments: Form.allCases)
    func cut(_ form: Form) throws {
        var builder = Self.recording
        builder.buffers[0].cpus = [Self.pages(20, from: 1000), Self.pages(20, from: 1005)]
        let whole = form.bytes(builder)
        // Inside CPU 1's pages; version 7 then lacks the option that describes them.
        let found = try Imported(Array(whole.prefix(whole.count - (form == .version7Compressed ? 700 : 9000))))
        #expect(found.events.filter { $0.pcpu == 0 }.count == 400)
        #expect(found.summary.damage.count >= 1)
        #expect(found.trace.lost.contains { $0.pcpu == 1 && $0.count == nil })
    }

    @Test("a chunk that does not unpack costs its records only")
    func damagedChunk() throws {
        var builder = Self.recording
        builder.buffers[0].cpus = [Self.pages(10, from: 1000)]
        var whole = builder.version7(compressed: true)
        let magic: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]
        let frames = whole.indices.dropLast(4).filter { Array(whole[$0..<$0 + 4]) == magic }
        // Five chunks of two pages are the last frames of the file; break the third.
        let third = frames[frames.count - 3]
        whole[third] = 0
        let found = try Imported(whole)
        #expect(found.events.count == 160)
        #expect(found.summary.damage.map(\.reason) == ["a compressed chunk does not unpack (Unknown frame descriptor)"])
        #expect(found.trace.lost == [LostRecords(pcpu: 0, kind: nil, count: nil, earliest: 1790, latest: 2200)])
    }

    @Test("a file cut before its records is refused with the place")
    func nothingKept() {
        let whole = Self.recording.version7(compressed: true)
        #expect {
            try Imported(Array(whole.prefix(600)))
        } throws: { error in
            switch error {
            case ImportError.nothingKept, ImportError.damagedHeader: true
            default: false
            }
        }
    }

    @Test("options that point back at themselves end the reading")
    func loop() throws {
        var whole = Self.recording.version7(compressed: false)
        // The first options' link to the next (the last bytes of the section): to itself.
        let zero = bytes(UInt16(0)) + bytes(UInt32(8))
        let at = try #require((0..<whole.count - 14).first { Array(whole[$0..<$0 + 6]) == zero })
        let optionsAt = Self.firstOptions(of: whole)
        for (index, byte) in bytes(UInt64(optionsAt)).enumerated() { whole[at + 6 + index] = byte }
        let found = try Imported(whole)
        #expect(found.summary.damage.contains { $0.reason.contains("point back") })
    }

    @Test("a section that options name again and again is read once", arguments: [false, true])
    func namedAgain(isCompressed: Bool) throws {
        var builder = Self.recording
        let once = try Imported(builder.version7(compressed: isCompressed))
        builder.naming = 1000
        let found = try Imported(builder.version7(compressed: isCompressed))
        #expect(found.summary.taken == [.init(name: "kvm:kvm_msr", records: 160)])
        #expect(found.events == once.events)
        #expect(found.summary.damage == [])
    }

    private static func firstOptions(of file: [UInt8]) -> UInt64 {
        // 10 bytes of magic, "7\0", endian, long size, page size, "none\0", "\0".
        file.withUnsafeBytes { $0.value(10 + 2 + 2 + 4 + 5 + 1) }
    }
}
