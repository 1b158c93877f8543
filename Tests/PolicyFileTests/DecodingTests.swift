import Policy
import PolicyFile
import Testing

@Suite struct DecodingTests {
    struct Refused: Sendable, CustomTestStringConvertible {
        var text: String
        var line: Int
        var column: Int
        var reason: String
        var testDescription: String { reason }
        init(_ text: String, _ line: Int, _ column: Int, _ reason: String) {
            (self.text, self.line, self.column, self.reason) = (text, line, column, reason)
        }
    }

    @Test("a policy of a name alone is today's KVM")
    func defaults() throws {
        var rules = try PolicyFile.decode("name: mine\n", file: "mine.yaml")
        rules.name = "emulated"
        #expect(rules == .emulated)
    }

    @Test(
        "an unknown key or an impossible value is an error at its line and column",
        arguments: [
            Refused(
                "name: a\nguest-priorty: flexible\n", 2, 1,
                "unknown key `guest-priorty`; did you mean `guest-priority`?"),
            Refused("name: a\nxyzzy-plugh: 1\n", 2, 1, "unknown key `xyzzy-plugh`"),
            Refused("name: a\nguests: emulate\n", 2, 9, "`guests` is `emulate`; it can be emulated, mediated, none"),
            Refused("name: a\nguests: [emulated]\n", 2, 9, "`guests` must be text"),
            Refused("guests: emulated\n", 1, 1, "`name` is missing"),
            Refused("name: a b\n", 1, 7, "` ` cannot be part of a name; letters, digits, `-`, `_` and `.` can"),
            Refused("- a\n", 1, 1, "a policy expected, with `key: value` lines"),
            Refused("", 0, 0, "is empty"),
            Refused("name: a\nname: b\n", 2, 1, "`name` appears twice"),
            Refused(
                "name: a\nevent-filter: {action: deny, events: [0x1ffff]}\n", 2, 39,
                "entry 0x1ffff sets bits that `encoding: events` has not"),
            Refused(
                "name: a\nevent-filter: {action: deny, events: [c0]}\n", 2, 39,
                "an entry of `events` must be a number, e.g. 0x01c0"),
            Refused(
                "name: a\nevent-filter: {events: [1]}\n", 2, 15,
                "an event filter needs `action: allow` or `action: deny`"),
            Refused(
                "name: a\nevent-filter: {action: deny, fixed-counters: 0x100000000}\n", 2, 46,
                "`fixed-counters` is 4294967296; at most 4294967295"),
            Refused(
                "name: a\nreservations:\n  - pcpus: 3-1\n", 3, 12,
                "`3-1` is no set of pCPUs; write `all` or a list such as 0-3,8"),
            Refused(
                "name: a\nreservations:\n  - pcpus: 0-3\n  - pcpus: 2,8\n", 4, 12,
                "a pCPU of `2,8` stands in an earlier reservation already"),
            Refused(
                "name: a\nreservations: [{host: [gp99]}]\n", 2, 24,
                "`gp99` names no counters; write gp0, gp0-3, fixed1, gp, fixed, gp-lower-half or gp-upper-half"),
            Refused("name: a\nvms: {web: {arbitration: priority}}\n", 2, 13, "unknown key `arbitration`"),
            Refused("name: a\nvms: web\n", 2, 6, "a mapping from VM names to rules expected, with `key: value` lines"),
        ])
    func refused(_ question: Refused) {
        #expect(
            throws: PolicyFileError(
                file: "p.yaml", line: question.line, column: question.column, reason: question.reason)
        ) { try PolicyFile.decode(question.text, file: "p.yaml") }
    }

    @Test(
        "a contradiction is an error at the key that makes it so",
        arguments: [
            Refused("name: a\nhandover: entry-exit\n", 2, 11, "the PMU changes hands only with `guests: mediated`"),
            Refused(
                "name: a\nguests: mediated\nhandover: never\n", 3, 11,
                "`guests: mediated` needs `handover: entry-exit` or `time-slice`"),
            Refused(
                "name: a\nguests: mediated\nguest-priority: ultimate\n", 3, 17,
                "mediated guests have no events among the host's"),
            Refused(
                "name: a\nguests: mediated\ncounter-choice: any-fitting\n", 3, 17,
                "a mediated guest's counter M is physical counter M"),
            Refused(
                "name: a\nguests: mediated\nhost-visibility: everything\n", 3, 18,
                "the host cannot see guests that hold the PMU; `refuses` or `blinded`"),
            Refused(
                "name: a\nhost-visibility: refuses\n", 2, 18,
                "`refuses` needs guests that hold the PMU, but they are emulated"),
            Refused(
                "name: a\nguests: none\ncounter-choice: exact\n", 3, 17,
                "`counter-choice` says nothing of guests without a PMU"),
            Refused(
                "name: a\nguest-priority: ultimate\narbitration: first-come\n", 2, 17,
                "`ultimate` displaces, `arbitration: first-come` forbids it"),
            Refused(
                "name: a\ntell-guest: fault\n", 2, 13,
                "`fault` needs `counter-choice: exact`; other requests fail too late"),
            Refused(
                "name: a\ntell-guest: evtsel-nonzero\n", 2, 13,
                "`evtsel-nonzero` needs `available: free-at-power-on`"),
            Refused(
                "name: a\navailable: free-at-power-on\n", 2, 12,
                "`free-at-power-on` needs `counter-choice: exact`: else M says nothing of M"),
            Refused("name: a\ntell-guest: hide-counter\n", 2, 13, "`hide-counter` needs `reservations` to hide"),
            Refused("name: a\nsocket: owned\n", 2, 9, "`owned` matters only with `socket-events: socket-owners`"),
            Refused(
                "name: a\nreservations: [{host: [gp0-3], guests: [gp3]}]\n", 2, 40,
                "host and guests are given the same counter"),
            Refused(
                "name: a\nguests: mediated\ntell-guest: inuse\n", 3, 13,
                "`inuse` needs `guests: emulated`: a ceded PMU is nobody else's"),
            Refused(
                "name: a\nvms:\n  web: {handover: time-slice}\n", 3, 19,
                "the PMU changes hands only with `guests: mediated`"),
        ])
    func contradictions(_ question: Refused) {
        #expect(
            throws: PolicyFileError(
                file: "p.yaml", line: question.line, column: question.column, reason: question.reason)
        ) { try PolicyFile.decode(question.text, file: "p.yaml") }
    }

    @Test(
        "what is not YAML is named with its place",
        arguments: ["name: [a\n", "name: \"a\n", "\tname: a\n", "a: b: c\n", "name: &x a\nguests: *y\n", "\u{0}"])
    func notYAML(_ text: String) {
        #expect(throws: PolicyFileError.self) { try PolicyFile.decode(text, file: "p.yaml") }
    }

    @Test("a file of more than a megabyte is refused before it is parsed")
    func tooLong() {
        #expect(throws: PolicyFileError.self) {
            try PolicyFile.decode(String(repeating: "#", count: PolicyFile.maxBytes + 1), file: "p.yaml")
        }
    }

    @Test("a VM's rules begin with the common ones and change what they name")
    func overrides() throws {
        let rules = try PolicyFile.decode(
            """
            name: mixed
            guests: emulated
            socket-events: socket-owners
            host-visibility: refuses
            vms:
              trusted: {guests: mediated}
              owner: {socket: owned}
              dark: {guests: none}
              web:
                event-filter: {action: deny, events: [0x412e, 0x4f2e], fixed-counters: 4}
            """, file: "p.yaml")
        #expect(rules.guestRules(vm: "trusted").access == .mediated)
        #expect(rules.guestRules(vm: "trusted").handover == .entryExit)
        #expect(rules.guestRules(vm: "owner").mayCountSocketEvents)
        #expect(!rules.guestRules(vm: "another").mayCountSocketEvents)
        #expect(rules.guestRules(vm: "dark").access == .none)
        #expect(
            rules.guestRules(vm: "web").filter
                == EventFilterRule(action: .deny, entries: [0x412e, 0x4f2e], fixedCounters: 4))
        #expect(rules.guestRules(vm: "another").filter == nil)
    }

    @Test("masked filter entries keep their exclude bit and mask")
    func maskedFilter() throws {
        let rules = try PolicyFile.decode(
            "name: a\nevent-filter: {action: allow, encoding: masked, events: 0xff800000000001c0}\n", file: "p.yaml")
        #expect(rules.guest.filter?.entries == [0xff80_0000_0000_01c0])
    }

    @Test("shares fit any processor: halves, ranges and kinds")
    func shares() throws {
        let rules = try PolicyFile.decode(
            """
            name: split
            reservations:
              - {pcpus: "0-3,8", host: [gp-lower-half, fixed1], guests: [gp-upper-half], firmware: gp7}
              - {pcpus: 4-7, host: [gp0-1], guests: [gp2-3, fixed]}
            """, file: "p.yaml")
        let first = rules.reservations[0]
        #expect(first.pcpus.contains(8) && !first.pcpus.contains(4))
        #expect(first.counters(for: .host(0), gp: 8, fixed: 3) == 0x2_0000_000f)
        #expect(first.counters(for: .guest(vcpu: 0, counter: .gp(0)), gp: 8, fixed: 3) == 0x70)
        #expect(first.counters(for: .guest(vcpu: 0, counter: .gp(0)), gp: 5, fixed: 0) == 0x18)
        let second = rules.reservations[1]
        #expect(second.counters(for: .guest(vcpu: 0, counter: .gp(0)), gp: 4, fixed: 3) == 0x7_0000_000c)
    }
}
