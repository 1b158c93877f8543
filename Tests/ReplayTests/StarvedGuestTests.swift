import Counts
import Policy
import Testing
import Trace

@testable import Replay
@testable import Timeline

@Suite("A monitoring agent and a watchdog that use up all counters")
struct StarvedGuestTests {
    private func table(_ rules: PolicyRules) throws -> CountsTable {
        Replayer.replay(try Timeline(try Files.trace("agent-starves-guest")), under: rules)
    }

    @Test("under emulated vPMU the guest reads 0 and is silent all the time it counts")
    func emulated() throws {
        let guests = try table(.emulated).series.filter { $0.key.owner.hasPrefix("guest:") }
        #expect(guests.count == 4)
        for series in guests {
            #expect(series.reading == .exact(0))
            #expect(series.enabledNs > 0)
            #expect(series.silentNs == series.enabledNs)
        }
    }

    @Test("under mediated vPMU it is never silent, and its count lies within what is said of it")
    func mediated() throws {
        let truth = try Recording(try Files.scenario("agent-starves-guest"), .mediated).truth
        let guests = try table(.mediated).series.filter { $0.key.owner.hasPrefix("guest:") }
        #expect(guests.count == 4)
        for series in guests {
            #expect(series.silentNs == 0)
            #expect(series.runningNs == series.enabledNs)
            #expect(series.reading.mark != .exact)
            let counted = try #require(
                truth.series.first {
                    $0.owner == series.key.owner && $0.counter == series.key.counter && $0.event == series.key.event
                })
            #expect(counted.count >= series.reading.lo ?? 0)
            #expect(counted.count <= series.reading.hi ?? .max)
        }
    }

    @Test("under mediated vPMU every host event is refused, and blind for as long as it would have counted")
    func hosts() throws {
        let result = try table(.mediated)
        let hosts = result.series.filter { $0.key.owner.hasPrefix("host:") }
        #expect(hosts.count == 12)
        for series in hosts {
            #expect(series.runningNs == 0)
            #expect(series.blindNs > 0)
        }
        #expect(result.displaced.count == 12)
        #expect(result.openLoop.contains { $0.cause.contains("EOPNOTSUPP") })
    }
}
