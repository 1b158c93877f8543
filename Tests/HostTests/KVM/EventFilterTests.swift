import Host
import PMU
import Policy
import Testing

@Suite("A VM's event filter (KVM_SET_PMU_EVENT_FILTER)")
struct EventFilterTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var why: String
        var action: EventFilter.Action
        var entries: [UInt64]
        var encoding: EventFilter.Encoding = .events
        var flavour: Flavour = .intel
        var eventSelect: UInt64
        var allowed: Bool
        var testDescription: String { why }
    }

    @Test(
        "includes, excludes and masks",
        arguments: [
            Case(why: "allow: what is listed", action: .allow, entries: [0x01c2], eventSelect: 0x4301c2, allowed: true),
            Case(why: "allow: another umask", action: .allow, entries: [0x01c2], eventSelect: 0x4302c2, allowed: false),
            Case(why: "deny: what is listed", action: .deny, entries: [0x01c2], eventSelect: 0x4301c2, allowed: false),
            Case(why: "deny: the rest", action: .deny, entries: [0x01c2], eventSelect: 0x4302c2, allowed: true),
            Case(
                why: "counter mask and invert do not matter", action: .allow, entries: [0x01c2],
                eventSelect: 0x01c3_01c2, allowed: true),
            Case(
                why: "an impossible plain entry is dropped", action: .allow, entries: [0x10001c2],
                eventSelect: 0x4301c2, allowed: false),
            Case(
                why: "masked: umask & mask must match", action: .allow, entries: [0x0f << 56 | 0x01c2],
                encoding: .masked, eventSelect: 0x43f1c2, allowed: true),
            Case(
                why: "masked: and does not", action: .allow, entries: [0x0f << 56 | 0x01c2], encoding: .masked,
                eventSelect: 0x43f2c2, allowed: false),
            Case(
                why: "masked: an exclude beats an include", action: .allow,
                entries: [0x00c2, 0xff << 56 | 1 << 55 | 0x02c2], encoding: .masked, eventSelect: 0x4302c2,
                allowed: false),
            Case(
                why: "masked: the include alone", action: .allow, entries: [0x00c2, 0xff << 56 | 1 << 55 | 0x02c2],
                encoding: .masked, eventSelect: 0x4304c2, allowed: true),
            Case(
                why: "AMD compares 12 bits of event", action: .allow, entries: [0x1_0000_0020], flavour: .amdCoreExt,
                eventSelect: 0x430020, allowed: false),
            Case(
                why: "AMD's extended code", action: .allow, entries: [0x1_0000_0020], flavour: .amdCoreExt,
                eventSelect: 0x1_0043_0020, allowed: true),
        ])
    func matching(_ test: Case) throws {
        let filter = try EventFilter(
            action: test.action, entries: test.entries, encoding: test.encoding, flavour: test.flavour)
        #expect(filter.allows(eventSelect: test.eventSelect, flavour: test.flavour) == test.allowed)
    }

    @Test("fixed counters obey their bitmap alone: allow needs the bit, deny needs it clear")
    func fixedCounters() throws {
        let allow = try EventFilter(action: .allow, entries: [0x00c0], fixedCounters: 0x2, flavour: .intel)
        #expect(!allow.allows(fixedCounter: 0))
        #expect(allow.allows(fixedCounter: 1))
        let deny = try EventFilter(action: .deny, entries: [0x00c0], fixedCounters: 0x2, flavour: .intel)
        #expect(deny.allows(fixedCounter: 0))
        #expect(!deny.allows(fixedCounter: 1))
    }

    @Test("more than 300 entries are refused, and so is a masked entry with stray bits")
    func refused() {
        #expect(throws: EventFilter.BadFilter.tooManyEntries(301)) {
            try EventFilter(action: .allow, entries: [UInt64](repeating: 0xc0, count: 301), flavour: .intel)
        }
        #expect(throws: EventFilter.BadFilter.impossibleEntry(1 << 40 | 0xc0)) {
            try EventFilter(action: .allow, entries: [1 << 40 | 0xc0], encoding: .masked, flavour: .intel)
        }
    }

    @Test("a filtered counter's registers behave normally, and it counts nothing")
    func countsNothing() throws {
        let filter = try EventFilter(action: .deny, entries: [0x01c2], flavour: .intel)
        var host = TestHost(kvm: KVMRules(filters: [0: filter]))
        host.run()
        #expect(host.write(0x186, 0x4301c2) == .written)
        host.enter()
        #expect(host.take() == ["believes v0 1"])
        #expect(host.read(0x186) == .value(0x4301c2))
        #expect(host.machine.guestEnabled(vcpu: 0) == 1)
    }
}
