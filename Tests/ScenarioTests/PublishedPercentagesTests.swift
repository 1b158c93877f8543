import Testing

@testable import Scenario

/// What `perf stat` printed for users whose events took turns: the part of the time that each one ran.
///
/// None of these numbers is counters divided by events. Events are tried in the order of their list, and the first that
/// does not fit ends the round (`merge_sched_in()`, kernel/events/core.c): an event with a fixed counter of its own
/// loses turns too, when it stands behind one that has to wait.
@Suite("Published outcomes: percentages that perf stat printed")
struct PublishedPercentagesTests {
    /// Two that have a fixed counter each, and two that want any of the four of a hyper-thread.
    private static let basic = ["cycles", "instructions", "branches", "branch-misses"]
    /// `-d`: L1-dcache-loads, L1-dcache-load-misses, LLC-loads, LLC-load-misses of Skylake.
    private static let detailed = basic + ["r81d0", "r0151", "r01b7", "r01bb"]
    /// `-d -d -d` adds L1-icache-load-misses, dTLB-loads, dTLB-load-misses, iTLB-loads and iTLB-load-misses.
    private static let moreDetailed = detailed + ["r0283", "r81d0", "r0108", "r2085", "r0185"]

    /// The per cent of the time that each of the events ran, through as many turns as there are events.
    private func percentages(_ model: String, _ events: [String], watchdog: String) throws -> [Double] {
        let list = events.enumerated().map { "  - {name: e\($0), event: \($1), cpus: \"0\"}" }
        let turns = UInt64(events.count) * 2
        let played = try Played(
            """
            processor: {model: \(model), sockets: 1, cores: 1, smt: 1}
            duration: \(turns * 4)ms
            nmi-watchdog: \(watchdog)
            rates: {host: {cycles: 1G, instructions: 1G}}
            events:
            \(list.joined(separator: "\n"))
            """)
        return try events.indices.map { index in
            let running = try #require(played.series("host:e\(index)")).runningNs
            return Double(running) * 100 / Double(turns * 4_000_000)
        }
    }

    private func expect(_ found: [Double], near printed: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(found.count == printed.count, sourceLocation: sourceLocation)
        for (place, (one, other)) in zip(found, printed).enumerated() {
            // perf stat rounds, and a run does not end with a whole number of turns.
            #expect(abs(one - other) < 0.8, "event \(place): \(one), printed \(other)", sourceLocation: sourceLocation)
        }
    }

    @Test(
        "perf stat -d beside the watchdog: cycles 49.99 %, instructions 62.57 %, the rest as printed (golang/go#18977)")
    func detailed() throws {
        expect(
            Array(try percentages("skylake-sp", Self.detailed, watchdog: "on").prefix(6)),
            near: [49.99, 62.57, 62.62, 62.73, 62.84, 62.61])
    }

    @Test("perf stat -a -d -d -d beside the watchdog: cycles 30.72 %, instructions 38.40 % (tycho in netdata#3232)")
    func thirteenBesideWatchdog() throws {
        expect(
            Array(try percentages("skylake-sp", Self.moreDetailed, watchdog: "on").prefix(5)),
            near: [30.72, 38.40, 38.47, 38.48, 38.46])
    }

    @Test(
        "perf stat -a -d -d -d without it: cycles 38.46 %, instructions 46.15 %, LLC-loads 30.77 % (ktsaou in netdata#3232)"
    )
    func thirteen() throws {
        expect(
            Array(try percentages("skylake-sp", Self.moreDetailed, watchdog: "off").prefix(10)),
            near: [38.46, 46.15, 46.15, 46.15, 46.16, 46.16, 30.77, 30.76, 30.71, 30.80])
    }

    @Test(
        "perf stat's six events of 2012 beside the watchdog: the third alone has 66.77 %, five have 83 % (netdata#8346)"
    )
    func six() throws {
        // stalled-cycles-frontend and -backend of Sandy Bridge: UOPS_ISSUED.ANY and UOPS_DISPATCHED.THREAD, inverted.
        let events = ["cycles", "r180010e", "r18001b1", "instructions", "branches", "branch-misses"]
        expect(
            Array(try percentages("haswell", events, watchdog: "on").prefix(5)),
            near: [83.43, 83.54, 66.77, 83.51, 82.58])
    }

    @Test("of eight counters, events of 0xd0 to 0xd3 have four: five take turns at 80 % (pmu-tools#96)")
    func lowerCounters() throws {
        let retired = ["r81d0", "r82d0", "r01d1", "r02d1", "r04d1"]
        expect(try percentages("skylake-sp-noht", retired, watchdog: "off"), near: [80, 80, 80, 80, 80])
        let others = ["r0151", "r0283", "r0108", "r2085", "r0185"]
        expect(try percentages("skylake-sp-noht", others, watchdog: "off"), near: [100, 100, 100, 100, 100])
    }
}
