import PMU
import Testing

/// perf's spellings of events.
@Suite struct SpellingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var model: String
        var spelling: String
        var config: UInt64?
        var testDescription: String { "\(spelling) on \(model)" }
        init(_ model: String, _ spelling: String, _ config: UInt64?) {
            (self.model, self.spelling, self.config) = (model, spelling, config)
        }
    }

    @Test(
        "an event's name resolves per model",
        arguments: [
            Case("skylake-sp", "instructions", 0xc0), Case("skylake-sp", "cycles", 0x3c),
            Case("skylake-sp", "cpu-cycles", 0x3c), Case("skylake-sp", "ref-cycles", 0x300),
            Case("sapphire-rapids", "ref-cycles", 0x13c), Case("skylake-sp", "branches", 0xc4),
            Case("skylake-sp", "branch-instructions", 0xc4), Case("skylake-sp", "branch-misses", 0xc5),
            Case("skylake-sp", "cache-references", 0x4f2e), Case("skylake-sp", "cache-misses", 0x412e),
            Case("zen2", "cycles", 0x76), Case("zen2", "cache-references", 0xff60),
            Case("zen2", "cache-misses", 0x0964), Case("amd-family-15h", "cache-references", 0x077d),
            Case("zen4", "ref-cycles", 0x1_0000_0120), Case("zen2", "ref-cycles", nil),
            Case("zen1", "stalled-cycles-frontend", 0x0287), Case("zen2", "stalled-cycles-frontend", 0xa9),
            Case("ice-lake-sp", "topdown-be-bound", 0x8300), Case("ice-lake-sp", "topdown-mem-bound", nil),
            Case("sapphire-rapids", "topdown-mem-bound", 0x8700), Case("skylake-sp", "slots", nil),
            Case("skylake-sp", "r01c0", 0x01c0), Case("skylake-sp", "R1A2", 0x1a2),
            Case("skylake-sp", "event=0xc0,umask=0x1", 0x01c0),
            Case("skylake-sp", "cpu/event=0xc0,umask=0x1,cmask=10,inv/", 0x0a80_01c0),
            Case("skylake-sp", "cpu/instructions/", 0xc0),
            Case("skylake-sp", "event=0xc9,umask=1,in_tx_cp=1", 0x2_0000_01c9),
            Case("zen2", "event=0x120", 0x1_0000_0020), Case("skylake-sp", "event=0x120", nil),
            Case("skylake-sp", "event=0xc0,umask=0x100", nil), Case("skylake-sp", "umask", 0x0100),
            Case("lion-cove", "event=0xc0,umask=0x1ff", 0x100_0000_ffc0),
            Case("architectural-v6-8gp-3fixed", "event=0x1,umask=0x8002", 0x8000_0000_0201),
            Case("architectural-v5-8gp-3fixed", "event=0x1,umask=0x100", nil),
            Case("lion-cove", "event=0xc0,umask=0x10000", nil), Case("zen5", "event=0xc0,umask=0x100", nil),
            Case("skylake-sp", "event=0xc0,,umask=1", nil), Case("skylake-sp", "event=", nil),
            Case("skylake-sp", "r", nil), Case("skylake-sp", "r+1", nil), Case("skylake-sp", "", nil),
            Case("skylake-sp", "nonsense", nil),
        ])
    func names(_ question: Case) throws {
        let model = try #require(ProcessorModel.named(question.model))
        #expect(model.config(named: question.spelling) == question.config)
    }

    @Test("a config's name is the spelling that resolves to it", arguments: ProcessorModel.all.map(\.name))
    func roundTrip(_ name: String) throws {
        let model = try #require(ProcessorModel.named(name))
        for config in [0x3c, 0xc0, 0x13c, 0x0300, 0x01c0, 0x0964, 0x1_0000_0120] as [UInt64] {
            #expect(model.config(named: model.eventName(of: config | EventSelect.os | EventSelect.enable)) == config)
        }
    }

    @Test("u and k choose privilege levels, none of them means both")
    func levels() throws {
        let model = ProcessorModel.skylakeSP
        let interrupt = EventSelect.interrupt
        #expect(try model.event(spelled: "cycles").config == 0x3c | EventSelect.user | EventSelect.os | interrupt)
        #expect(try model.event(spelled: "cycles:u").config == 0x3c | EventSelect.user | interrupt)
        #expect(try model.event(spelled: "cycles:k").config == 0x3c | EventSelect.os | interrupt)
        #expect(try model.event(spelled: "cycles:uk").config == 0x3c | EventSelect.user | EventSelect.os | interrupt)
        #expect(try model.event(spelled: "cpu/event=0x3c/u").config == 0x3c | EventSelect.user | interrupt)
    }

    @Test("G and H choose whose time counts, D pins, p's add up, P is the most")
    func others() throws {
        func modifiers(_ spelling: String) throws -> EventModifiers {
            try ProcessorModel.skylakeSP.event(spelled: spelling).modifiers
        }
        #expect(try modifiers("cycles:G").time == .guest)
        #expect(try modifiers("cycles:H").time == .host)
        #expect(try modifiers("cycles:GH").time == .everybody)
        #expect(try modifiers("cycles").time == .everybody)
        #expect(try modifiers("r01c0:D").pinning == .pinned)
        #expect(try modifiers("cycles:upp").precise == 2)
        #expect(try modifiers("cycles:P").precise == 3)
        #expect(try modifiers("cycles:e").isExclusive)
    }

    @Test("what perf would refuse is refused with the reason")
    func refusals() {
        let model = ProcessorModel.skylakeSP
        #expect(throws: SpelledEvent.Failure.unknown("nonsense", model: "skylake-sp")) {
            try model.event(spelled: "nonsense:u")
        }
        #expect(throws: SpelledEvent.Failure.modifiers(.unknown("z", in: "uz"), of: "cycles:uz")) {
            try model.event(spelled: "cycles:uz")
        }
        #expect(throws: SpelledEvent.Failure.modifiers(.tooPrecise("pppp"), of: "cycles:pppp")) {
            try model.event(spelled: "cycles:pppp")
        }
    }
}
