import Counts
import Testing

@testable import Bisect

@Suite("Tolerance rules")
struct ToleranceRuleTests {
    @Test(
        "a malformed rule is named with what is wrong",
        arguments: [
            "", "x", "-1", "1%,2%", "100%", "5 owner", "5 who=me", "5 mark=maybe", "99999999999999999999s", "1..2",
        ])
    func malformed(_ text: String) {
        #expect(throws: ToleranceRule.Malformed.self) { try ToleranceRule(parsing: text) }
    }

    @Test("a percentage speaks of counts and times, a number of counts, a unit of times")
    func units() throws {
        let share = try ToleranceRule(parsing: "1%")
        #expect(share.counts?.allows(101, 100) == true && share.times?.allows(101, 100) == true)
        let counts = try ToleranceRule(parsing: "12")
        #expect(counts.counts == Tolerance(absolute: 12) && counts.times == nil)
        let times = try ToleranceRule(parsing: "5us")
        #expect(times.times == Tolerance(absolute: 5000) && times.counts == nil)
        let both = try ToleranceRule(parsing: "12,7ns,50%")
        #expect(both.counts?.absolute == 12 && both.times?.absolute == 7)
        #expect(both.times?.relative == both.counts?.relative)
    }

    @Test("a selector that does not fit leaves a series alone, and the last rule that fits decides")
    func selection() throws {
        let series = Series(
            key: SeriesKey(owner: "guest:vm0/1", counter: "gp0", event: "cycles"), reading: .bounded(1, 2))
        func options(_ rules: String...) throws -> DiffOptions {
            Tolerances(try rules.map { try ToleranceRule(parsing: $0) }).options(for: series, policy: "fair")
        }
        #expect(try options("7 owner=guest:vm0/*").tolerance.absolute == 7)
        #expect(try options("7 owner=guest:vm1/*").tolerance == .none)
        #expect(try options("7 counter=gp0 event=cyc*s mark=bounded policy=fair").tolerance.absolute == 7)
        #expect(try options("7 mark=exact").tolerance == .none)
        #expect(try options("7 policy=emulated").tolerance == .none)
        let last = try options("7", "3", "1ms")
        #expect(last.tolerance.absolute == 3 && last.timeTolerance.absolute == 1_000_000)
    }
}
