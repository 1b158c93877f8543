import PMU
import Testing

/// Which model a processor's CPUID leads to.
@Suite struct MatchingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var identity: ProcessorIdentity
        var model: String?
        var testDescription: String {
            "\(identity.vendor) \(identity.family)/\(identity.model) is \(model ?? "nothing")"
        }
        init(
            _ vendor: String, _ family: UInt32, _ model: UInt32, stepping: UInt32 = 0, gp: UInt32? = nil,
            is name: String?
        ) {
            let leaf: [UInt32]? = gp.map { [4 | $0 << 8 | 48 << 16 | 7 << 24, 0, 0, 3 | 48 << 5] }
            identity = ProcessorIdentity(
                vendor: vendor, family: family, model: model, stepping: stepping, leaf0A: leaf)
            self.model = name
        }
    }

    @Test(
        "family, model, stepping and the number of counters name the model",
        arguments: [
            Case("GenuineIntel", 6, 0x55, stepping: 4, gp: 4, is: "skylake-sp"),
            Case("GenuineIntel", 6, 0x55, stepping: 4, gp: 8, is: "skylake-sp-noht"),
            Case("GenuineIntel", 6, 0x55, stepping: 7, is: "cascade-lake"),
            Case("GenuineIntel", 6, 0x55, stepping: 7, gp: 8, is: "cascade-lake-noht"),
            Case("GenuineIntel", 6, 0x6a, is: "ice-lake-sp"), Case("GenuineIntel", 6, 0x8f, is: "sapphire-rapids"),
            Case("GenuineIntel", 6, 0xbd, is: "lion-cove"), Case("GenuineIntel", 6, 0x2d, is: "sandy-bridge"),
            Case("GenuineIntel", 6, 0x3e, is: "ivy-bridge"), Case("GenuineIntel", 6, 0x3f, is: "haswell"),
            Case("GenuineIntel", 6, 0xff, gp: 8, is: "architectural-v4-8gp-3fixed"),
            Case("GenuineIntel", 6, 0xff, is: nil), Case("AuthenticAMD", 0x17, 0x01, is: "zen1"),
            Case("HygonGenuine", 0x18, 0x00, is: "zen1"), Case("AuthenticAMD", 0x17, 0x31, is: "zen2"),
            Case("AuthenticAMD", 0x19, 0x01, is: "zen3"), Case("AuthenticAMD", 0x19, 0x50, is: "zen3"),
            Case("AuthenticAMD", 0x19, 0x11, is: "zen4"), Case("AuthenticAMD", 0x19, 0x61, is: "zen4"),
            Case("AuthenticAMD", 0x1a, 0x02, is: "zen5"), Case("AuthenticAMD", 0x15, 0x02, is: "amd-family-15h"),
            Case("AuthenticAMD", 0x10, 0x02, is: nil), Case("CentaurHauls", 6, 0x55, is: nil),
        ])
    func names(_ question: Case) {
        #expect(ProcessorModel.matching(question.identity)?.name == question.model)
    }

    @Test("counters, width and version come from leaf 0xA, full-width writes from PERF_CAPABILITIES")
    func leaf0A() throws {
        let model = try #require(
            ProcessorModel.matching(
                vendor: "GenuineIntel", family: 6, model: 0x6a, leaf0A: [0x0730_0402, 0, 0, 0x603],
                perfCapabilities: 0))
        #expect(model.name == "ice-lake-sp")
        #expect((model.version, model.gp, model.fixed, model.width) == (2, 4, 3, 48))
        #expect(!model.fullWidthWrites)
        #expect(model.maxPeriod == 0x7fff_ffff)
        #expect(Counter.list(model.constraint(for: 0x00c0).mask) == "gp0-3, fixed0")
        #expect(Counter.list(model.constraint(for: 0x8000).mask) == "none")
    }

    @Test("from version 5 on the bitmap of fixed counters counts too")
    func fixedBitmap() throws {
        let model = try #require(
            ProcessorModel.matching(
                vendor: "GenuineIntel", family: 6, model: 0xfe, leaf0A: [0x0730_0805, 0, 0xf, 0x603]))
        #expect(model.name == "architectural-v5-8gp-4fixed")
        #expect(Counter.list(model.constraint(for: 0x0400).mask) == "fixed3")
    }

    @Test("leaf 0x80000022 makes an AMD processor one with PerfMonV2")
    func leaf80000022() throws {
        let model = try #require(
            ProcessorModel.matching(
                vendor: "AuthenticAMD", family: 0x1b, model: 0, leaf80000022: [1, 8, 0, 0]))
        #expect((model.name, model.flavour, model.gp, model.version) == ("amd-v2-8gp", .amdV2, 8, 2))
    }

    @Test(
        "a leaf that cannot be true is as good as none",
        arguments: [[0, 0, 0, 0], [0x0730_2802, 0, 0, 0], [0x0740_0402, 0, 0, 0], [1, 2], [] as [UInt32]])
    func impossibleLeaf(_ leaf: [UInt32]) {
        #expect(ProcessorModel.matching(vendor: "GenuineIntel", family: 6, model: 0xff, leaf0A: leaf) == nil)
        #expect(
            ProcessorModel.matching(vendor: "GenuineIntel", family: 6, model: 0x6a, leaf0A: leaf) == .iceLakeSP)
    }

    @Test(
        "an architectural model is called by its counters, and nothing else is a name",
        arguments: [
            ("architectural-v2-4gp-3fixed", true), ("architectural-v1-2gp-0fixed", true),
            ("architectural-v2-40gp-3fixed", false), ("architectural-v2-4gp-3fixed-", false),
            ("architectural-v02-4gp-3fixed", false), ("architectural-v1-2gp-3fixed", false), ("skylake", false),
            ("", false),
        ])
    func architecturalNames(_ name: String, _ exists: Bool) {
        #expect((ProcessorModel.named(name) != nil) == exists)
    }

    @Test("architectural models know the rows of their version")
    func architecturalRows() {
        let v1 = ProcessorModel.architectural(version: 1, gp: 2, fixed: 0)
        #expect(Counter.list(v1.constraint(for: 0xc0).mask) == "gp0-1")
        let v2 = ProcessorModel.architectural(version: 2, gp: 4, fixed: 2)
        #expect(Counter.list(v2.constraint(for: 0xc0).mask) == "gp0-3, fixed0")
        #expect(Counter.list(v2.constraint(for: 0x0300).mask) == "none")
        #expect(Counter.list(v2.constraint(for: 0x0400).mask) == "gp0-3")
    }

    @Test("names are unique and every model is found by its own")
    func catalogue() {
        #expect(Set(ProcessorModel.all.map(\.name)).count == ProcessorModel.all.count)
        for model in ProcessorModel.all { #expect(ProcessorModel.named(model.name) == model) }
    }
}
