import PMU
import Testing

/// What each model leaves an event, by hand from the kernel's tables.
@Suite struct ConstraintTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var model: String
        var config: UInt64
        var precise: Int
        var counters: String
        var testDescription: String { "\(model) 0x\(String(config, radix: 16)) precise \(precise)" }
        init(_ model: String, _ config: UInt64, precise: Int = 0, _ counters: String) {
            (self.model, self.config, self.precise, self.counters) = (model, config, precise, counters)
        }
    }

    static let inTXCP: UInt64 = 1 << 33

    @Test(
        "an event may use the counters of the first row that matches it",
        arguments: [
            Case("skylake-sp", 0x00c0, "gp0-3, fixed0"), Case("skylake-sp-noht", 0x00c0, "gp0-7, fixed0"),
            Case("skylake-sp", 0x003c, "gp0-3, fixed1"), Case("skylake-sp", 0x0300, "fixed2"),
            Case("skylake-sp", 0x01c0, "gp1"), Case("skylake-sp-noht", 0x11d0, "gp0-3"),
            Case("skylake-sp-noht", 0x0151, "gp0-7"), Case("cascade-lake-noht", 0x01c6, "gp0-3"),
            Case("cascade-lake", 0x00c4, "gp0-3"),
            Case("ice-lake-sp", 0x01c0, "gp0-7, fixed0"), Case("ice-lake-sp", 0x0100, "fixed0"),
            Case("ice-lake-sp", 0x0400, "fixed3"), Case("ice-lake-sp", 0x8300, "metric3"),
            Case("ice-lake-sp", 0x8400, "gp0-7"), Case("ice-lake-sp", 0x14a3, "gp0-7"),
            Case("ice-lake-sp", 0x08a3, "gp0-3"), Case("ice-lake-sp", 0x0160, "gp0-3"),
            Case("ice-lake-sp", 0x018c, "gp0-7"), Case("ice-lake-sp", 0x412e, "gp0-7"),
            Case("sapphire-rapids", 0x013c, "gp0-7, fixed2"), Case("sapphire-rapids", 0x0300, "fixed2"),
            Case("sapphire-rapids", 0x412e, "gp0-7"), Case("sapphire-rapids", 0x0151, "gp0-3"),
            Case("sapphire-rapids", 0x04a4, "gp0"), Case("sapphire-rapids", 0x02cd, "gp0"),
            Case("sapphire-rapids", 0x00c4, "gp0-7"), Case("sapphire-rapids", 0x8700, "metric7"),
            Case("lion-cove", 0x00c4, "gp0-9"), Case("lion-cove", 0x0148, "gp2"), Case("lion-cove", 0x01cd, "gp2-9"),
            Case("lion-cove", 0x02cd, "gp0-1"), Case("lion-cove", 0x01b1, "gp3"), Case("lion-cove", 0x0120, "gp0-3"),
            Case("sandy-bridge", 0x01cd, "gp3"), Case("sandy-bridge", 0x02a3, "gp2"),
            Case("ivy-bridge", 0x08a3, "gp2"), Case("haswell", 0x0148, "gp2"), Case("haswell", 0x81d0, "gp0-3"),
            Case("amd-family-15h", 0x0003, "gp3"), Case("amd-family-15h", 0x1100, "gp3"),
            Case("amd-family-15h", 0x0100, "gp3-5"), Case("amd-family-15h", 0x0104, "gp3-5"),
            Case("amd-family-15h", 0x0304, "gp3"), Case("amd-family-15h", 0x002e, "gp0, gp3"),
            Case("amd-family-15h", 0x0131, "gp0-2"), Case("amd-family-15h", 0x0331, "none"),
            Case("amd-family-15h", 0x1_0000_0087, "gp0"), Case("amd-family-15h", 0x1_0000_00c0, "gp3-5"),
            Case("amd-family-15h", 0x00c0, "gp0-5"), Case("amd-family-15h", 0x00e0, "none"),
            Case("amd-family-15h", 0x0076, "gp0-2"), Case("zen1", 0x00c0, "gp0-5"),
            Case("zen2", 0x0003, "gp0, gp2, gp4"), Case("zen5", 0xff60, "gp0-5"),
        ])
    func table(_ question: Case) throws {
        let model = try #require(ProcessorModel.named(question.model))
        #expect(Counter.list(model.constraint(for: question.config).mask) == question.counters)
    }

    @Test(
        "a fixed counter's event with edge, invert or a counter mask is an ordinary event",
        arguments: [EventSelect.edge, EventSelect.invert, 0x0100_0000, EventSelect.inTX])
    func modifiedInstructions(_ bit: UInt64) {
        #expect(Counter.list(ProcessorModel.skylakeSP.constraint(for: 0xc0 | bit).mask) == "gp0-3")
    }

    @Test(
        "privilege levels, interrupt and any-thread do not matter to a fixed counter's event",
        arguments: [EventSelect.user, EventSelect.os, EventSelect.interrupt, EventSelect.any])
    func ignoredBits(_ bit: UInt64) {
        #expect(Counter.list(ProcessorModel.skylakeSP.constraint(for: 0x3c | bit).mask) == "gp0-3, fixed1")
    }

    @Test(
        "a checkpointed event may use GP 2 alone, and nothing where its row lacks GP 2",
        arguments: [
            Case("skylake-sp", 0x00c4 | inTXCP, "gp2"), Case("skylake-sp", 0x00c0 | inTXCP, "gp2"),
            Case("skylake-sp", 0x01c0 | inTXCP, "none"), Case("sapphire-rapids", 0x04a4 | inTXCP, "none"),
            Case("haswell", 0x00c4 | inTXCP, "gp2"), Case("ivy-bridge", 0x00c4 | inTXCP, "gp0-3"),
        ])
    func checkpointed(_ question: Case) throws {
        let model = try #require(ProcessorModel.named(question.model))
        #expect(Counter.list(model.constraint(for: question.config).mask) == question.counters)
    }

    @Test(
        "a precise event is looked up in the precise rows first",
        arguments: [
            Case("skylake-sp-noht", 0x00c4, precise: 2, "gp0-3"), Case("skylake-sp-noht", 0x01c0, precise: 1, "gp1"),
            Case("skylake-sp", 0x1080_01c0, precise: 2, "gp0-3"), Case("skylake-sp", 0x003c, precise: 2, "gp0-3"),
            Case("ice-lake-sp", 0x00c0, precise: 3, "fixed0"), Case("ice-lake-sp", 0x01c0, precise: 2, "fixed0"),
            Case("ice-lake-sp", 0x01cd, precise: 2, "gp0-7"), Case("ice-lake-sp", 0x00c4, precise: 2, "gp0-7"),
            Case("sapphire-rapids", 0x00c0, precise: 2, "gp1-7"),
            Case("sapphire-rapids", 0x00c0, precise: 3, "fixed0"), Case("sapphire-rapids", 0x00c4, precise: 3, "gp0"),
            Case("sapphire-rapids", 0x01cd, precise: 2, "gp1-7"), Case("sapphire-rapids", 0x01cd, precise: 3, "none"),
            Case("sapphire-rapids", 0x02cd, precise: 3, "gp0"), Case("lion-cove", 0x0100, precise: 1, "fixed0"),
            Case("zen2", 0x00c0, precise: 1, "none"),
        ])
    func precise(_ question: Case) throws {
        let model = try #require(ProcessorModel.named(question.model))
        let constraint = model.constraint(for: question.config, precise: question.precise)
        #expect(Counter.list(constraint.mask) == question.counters)
    }

    @Test("with the TSX workaround GP 3 is out of reach and the weight falls with it")
    func tsxForceAbort() {
        var model = ProcessorModel.skylakeSP
        model.rules.insert(.reservesGP3ForTSX)
        #expect(model.constraint(for: 0x00c4) == Constraint(mask: 0x7, weight: 3))
        #expect(model.constraint(for: 0x00c0) == Constraint(mask: 0x1_0000_0007, weight: 4))
    }

    @Test(
        "a large-increment event is a pair of weight 3, the overlap row of Family 15h is marked, memory events of Haswell are exclusive"
    )
    func kinds() {
        #expect(ProcessorModel.zen3.constraint(for: 0x0f03) == Constraint(mask: 0x15, weight: 3, kind: .pair))
        #expect(ProcessorModel.family15h.constraint(for: 0x2e) == Constraint(mask: 0x9, kind: .overlap))
        #expect(ProcessorModel.haswell.constraint(for: 0x81d0) == Constraint(mask: 0xf, kind: .exclusive))
    }

    @Test("socket-level events are those that see the shared cache, memory or other cores")
    func socketEvents() {
        #expect(ProcessorModel.skylakeSP.isSocketEvent(0x01b7 | EventSelect.user))
        #expect(ProcessorModel.skylakeSP.isSocketEvent(0x412e))
        #expect(!ProcessorModel.skylakeSP.isSocketEvent(0x00c0))
        #expect(ProcessorModel.sapphireRapids.isSocketEvent(0x012a))
        #expect(!ProcessorModel.sapphireRapids.isSocketEvent(0x01b7))
        #expect(ProcessorModel.zen2.isSocketEvent(0x4843))
        #expect(!ProcessorModel.zen2.isSocketEvent(0x00c0))
        for model in ProcessorModel.all { #expect(!model.socketEvents.isEmpty, "\(model.name)") }
    }
}
