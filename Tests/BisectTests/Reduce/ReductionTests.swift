import Counts
import Foundation
import Host
import PMU
import Policy
import Replay
import Testing
import Trace

@testable import Bisect
@testable import Timeline

@Suite("Reduction")
struct ReductionTests {
    /// A planted difference, hidden among slices, accesses, vCPUs and host events that have no part in it.
    struct Case: Sendable, CustomStringConvertible {
        let description: String
        let rules: PolicyRules
        let plant: @Sendable (inout DemandFixture) -> Void
    }

    private static func rules(_ change: (inout PolicyRules) -> Void) -> PolicyRules {
        PlantedCase.rules("b", change)
    }

    static let cases: [Case] = [
        Case(description: "ERROR that a policy retries", rules: rules { $0.pinnedMisfit = .retryAtSchedIn }) {
            let events = $0.fill()
            $0.slice(0) { $0.program(0, 1, "instructions") }
            $0.add(.hostRemove(event: Int32(events[2])))
            $0.slice(0, 200)
        },
        Case(description: "a higher priority", rules: rules { $0.guest.priority = .ultimate }) {
            _ = $0.fill()
            $0.slice(0) { $0.program(0, 1, "instructions") }
        },
        Case(description: "a ceded PMU", rules: .mediated) {
            $0.install($0.host("agent", "branches"))
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        Case(description: "a reservation", rules: rules { $0.reservations = [Reservation(guests: .nothing)] }) {
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        Case(description: "a flexible event that is spared", rules: rules { $0.taskPinned = .spares }) {
            _ = $0.fill(.flexible)
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        Case(
            description: "a filter",
            rules: rules { $0.guest.filter = EventFilterRule(action: .deny, entries: [0xc0]) }
        ) {
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        Case(description: "guests without a PMU", rules: rules { $0.guest.access = .none }) {
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        Case(
            description: "one VM's priority",
            rules: rules {
                $0.overrides["vm0"] = $0.guest
                $0.overrides["vm0"]!.priority = .ultimate
            }
        ) {
            _ = $0.fill()
            $0.slice(0) { $0.program(0, 1, "instructions") }
        },
        Case(description: "who came first", rules: rules { $0.arbitration = .firstCome }) {
            _ = $0.fill(.flexible)
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        Case(
            description: "a counter that firmware holds",
            rules: rules { $0.reservations = [Reservation(firmware: CounterShare([.gp(0...0)]))] }
        ) {
            _ = $0.fill(besides: 1)
            $0.slice(0) { $0.program(0, 1, "instructions") }
        },
    ]

    /// Slices that have no part in the difference. The default is quick; `Tools/reduce-large` plays 160000, which make
    /// more than a million operations.
    static let noise = ProcessInfo.processInfo.environment["VPMU_REDUCE_NOISE"].flatMap(Int.init) ?? 60

    private func timeline(_ planted: Case, noise: Int, seed: UInt64) -> Timeline {
        var random = TestRandom(state: seed)
        var demand = DemandFixture(pcpus: 3, vcpus: [2, 2])
        let watcher = demand.host("watcher", "cache-misses", pcpu: 2)
        demand.install(watcher, pcpu: 2)
        func addNoise(_ number: Int) {
            for _ in 0..<number {
                let vcpu = Int.random(in: 1...3, using: &random)
                let pcpu = Int.random(in: 1...2, using: &random)
                let counter = Int.random(in: 0..<4, using: &random)
                let event = ["cycles", "branches", nil].randomElement(using: &random)!
                demand.slice(vcpu, UInt64.random(in: 10...300, using: &random), pcpu: pcpu) {
                    $0.program(vcpu, counter, event, pcpu: pcpu)
                    $0.wait(3)
                    $0.exit(vcpu, pcpu: pcpu)
                    $0.enter(vcpu, pcpu: pcpu)
                }
            }
        }
        addNoise(noise / 2)
        planted.plant(&demand)
        addNoise(noise / 2)
        return demand.timeline
    }

    static var metadata: TraceMetadata {
        var metadata = TraceMetadata(source: "test", tool: "test", clock: "simulated")
        metadata.kernel = "6.12.0"
        metadata.processor = .init(vendor: "AuthenticAMD", family: 0x17, model: 0x31, stepping: 0)
        metadata.processor?.modelName = "zen2"
        metadata.nmiWatchdog = false
        metadata.recordedPolicy = "emulated"
        metadata.muxIntervalMilliseconds = 1
        metadata.topology = (0..<3).map { .init(id: $0, socket: 0, core: $0) }
        metadata.threads = (0..<4).map {
            .init(tid: Int32(100 + $0), pid: 90, comm: "CPU \($0 % 2)/KVM", vm: "vm\($0 / 2)", vcpu: $0 % 2)
        }
        return metadata
    }

    @Test("a planted case becomes 1-minimal, small, and replays itself exactly", arguments: cases.indices)
    func minimal(_ number: Int) throws {
        let planted = Self.cases[number]
        let timeline = timeline(planted, noise: Self.noise, seed: UInt64(number) + 5)
        let rules = planted.rules
        var reduction = try Reduction(timeline, a: .emulated, b: rules)
        let demand = reduction.run()
        let shown = reduction.shows(demand)
        #expect(shown)
        let units = DemandUnits(demand)
        for unit in DemandUnits.Kind.allCases.flatMap(units.units) {
            let without = units.without([unit])
            // A unit that is gone already takes nothing away.
            guard without.operations != demand.operations else { continue }
            let canBeSpared = reduction.shows(without)
            #expect(!canBeSpared, "\(planted): \(unit)")
        }
        let lesser = Minimality(demand: demand).all
        #expect(!lesser.isEmpty)
        for lesser in lesser {
            let canBeSpared = reduction.shows(lesser.demand)
            #expect(!canBeSpared, "\(planted): \(lesser.missing)")
        }
        // The initialiser reads the trace back and throws unless it replays itself and shows a difference.
        let reduced = try ReducedTrace(timeline, metadata: Self.metadata, a: .emulated, b: rules)
        #expect(reduced.trace.events.count <= 200)
        #expect(reduced.trace.events.count > 0)
        let again = Timeline(reduced.trace)
        #expect(SelfReplay.check(again).agrees)
        // The trace that people get, too: whatever is taken away from what it tells, the verdict goes.
        func isKept(_ demand: Demand) -> Bool {
            var probe = again
            probe.demand = demand
            let tables = (
                Replayer.replay(probe, under: .emulated, ticks: .own), Replayer.replay(probe, under: rules, ticks: .own)
            )
            return reduced.target.isKept(tables.0, tables.1)
        }
        #expect(isKept(again.demand))
        for lesser in Minimality(demand: again.demand).all {
            #expect(!isKept(lesser.demand), "\(planted), read back: \(lesser.missing)")
        }
        if Self.noise > 1_000 {
            print(
                "\(planted): \(timeline.demand.operations.count) operations, \(reduced.trace.events.count) records left"
            )
        }
    }

    @Test("policies that give everybody the same time leave nothing to reduce")
    func nothing() {
        let timeline = timeline(Self.cases[0], noise: 4, seed: 1)
        #expect(throws: ReductionProblem.noDifference) { try Reduction(timeline, a: .emulated, b: .emulated) }
    }

    @Test("the difference of one owner is kept when it is asked for")
    func owner() throws {
        let timeline = timeline(Self.cases[1], noise: 20, seed: 3)
        let rules = Self.cases[1].rules
        let reduction = try Reduction(timeline, a: .emulated, b: rules, owners: ["guest:vm0"])
        #expect(reduction.target.key.owner == "guest:vm0/0")
        #expect(reduction.target.verdict == .better)
    }
}
