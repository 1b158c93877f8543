import PMU
import Testing

@Suite("What the hardware can count of an event")
struct PhysicalLimitTests {
    @Test(
        "cycles of any clock, stalls and mispredicted branches: one a cycle", arguments: ProcessorModel.all.map(\.name))
    func oncePerCycle(name: String) throws {
        let model = try #require(ProcessorModel.named(name))
        let once: [GenericEvent] = [
            .cycles, .refCycles, .busCycles, .stalledFrontend, .stalledBackend, .branchMisses,
        ]
        for config in once.compactMap({ model.generic[$0] }) {
            #expect(model.physicalLimit(of: config | 0x53_0000) == PhysicalLimit(perSecond: model.maxFrequency))
        }
    }

    @Test("branches less than instructions, instructions no less than anything else that retires")
    func retired() {
        for model in ProcessorModel.all {
            let branches = model.physicalLimit(of: model.generic[.branches]!)
            let instructions = model.physicalLimit(of: model.generic[.instructions]!)
            #expect(branches.perSecond < instructions.perSecond)
            #expect(instructions.perSecond == model.maxEventsPerCycle * model.maxFrequency)
            // What was under way retires in bursts.
            #expect(branches.atOnce > 576 && instructions.atOnce > 2 * 576)
        }
    }

    @Test("a counter mask counts cycles, whatever the event")
    func masked() {
        let model = ProcessorModel.skylakeSP
        #expect(model.physicalLimit(of: 0x0100_00c0).perSecond == model.maxFrequency)
        #expect(model.physicalLimit(of: 0x0180_01b1).perSecond == model.maxFrequency)
    }

    @Test("what counts all that is under way in each cycle may count more than anything that retires")
    func occupancy() {
        for code in [0x0148, 0x0160, 0x0860] as [UInt64] {
            #expect(ProcessorModel.skylakeSP.physicalLimit(of: code).perSecond > 48 * 4_000_000_000)
        }
        #expect(ProcessorModel.zen4.physicalLimit(of: 0xff03).perSecond >= 64 * 5_000_000_000)
    }

    @Test("an event that nobody knows keeps the general limit")
    func unknown() {
        for model in [ProcessorModel.skylakeSP, .zen2, .lionCove] {
            #expect(
                model.physicalLimit(of: 0x77ee)
                    == PhysicalLimit(perSecond: model.maxEventsPerCycle * model.maxFrequency))
        }
    }

    @Test("a mispredict's cost is no mispredict: Lion Cove counts it in cycles")
    func cost() {
        #expect(ProcessorModel.lionCove.physicalLimit(of: 0x41c5).perSecond > ProcessorModel.lionCove.maxFrequency)
    }
}
