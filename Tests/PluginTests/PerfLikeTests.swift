import PMU
import Plugin
import Policy
import Testing

/// The example in C gives what `emulated` gives, step for step.
@Suite(.enabled(if: Workshop.compiler != nil, "needs a C compiler"))
struct PerfLikeTests {
    struct Silence: PMUSink {}
    typealias Scheduler = CounterScheduler<LawChecker<Silence>>

    static func scheduler(gp: Int, fixed: Int) -> Scheduler {
        CounterScheduler(
            pcpus: 2, limits: .init(gp: gp, fixed: fixed),
            sink: LawChecker(pcpus: 2, gp: gp, fixed: fixed, rules: .emulated, base: Silence()))
    }

    @Test(
        "a thousand random operations give the same steps, states and counters",
        arguments: [(4, 3, 1), (8, 4, 2), (6, 0, 3)])
    func sameSteps(_ gp: Int, _ fixed: Int, _ seed: UInt64) throws {
        try Workshop.with("Tools/policies/perf_like.c") { path in
            var ours = Self.scheduler(gp: gp, fixed: fixed)
            var theirs = Self.scheduler(gp: gp, fixed: fixed)
            theirs.delegate(to: try Workshop.load(path, pcpus: 2, gp: gp, fixed: fixed))
            var player = Player(seed: seed, gp: gp, fixed: fixed)
            for number in 0..<1000 {
                player.next(&ours, &theirs)
                guard theirs.failure == nil, ours.sink.digest == theirs.sink.digest else {
                    Issue.record("operation \(number) differs; \(theirs.failure?.description ?? "other steps")")
                    return
                }
                for pcpu in 0..<2 { #expect(ours.rotateNecessary(pcpu: pcpu) == theirs.rotateNecessary(pcpu: pcpu)) }
            }
            for event in 0..<ours.eventCount {
                #expect(ours.state(of: event) == theirs.state(of: event))
                #expect(ours.counter(of: event) == theirs.counter(of: event))
                #expect(ours.spec(of: event) == theirs.spec(of: event))
            }
            #expect(ours.sink.violations == [])
        }
    }

    /// Makes up operations and has both schedulers carry them out.
    struct Player {
        private var state: UInt64
        private let masks: [UInt64]
        private var live: [EventID] = []
        private var tasks: [TaskID] = []
        private var current: [TaskID?] = [nil, nil]
        private var loaded = [false, false]

        init(seed: UInt64, gp: Int, fixed: Int) {
            state = seed
            let any = (1 << UInt64(gp)) - 1 as UInt64
            masks = [any, 0x2, 0x3] + (fixed > 0 ? [any | 1 << 32, any | 1 << 33, 1 << 34] : [0x15, 0x9])
        }

        private mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }

        mutating func next(_ ours: inout Scheduler, _ theirs: inout Scheduler) {
            if tasks.count < 3 {
                tasks.append(ours.addTask())
                _ = theirs.addTask()
            }
            let pcpu = below(2)
            switch below(14) {
            case 0 where live.count < 14, 1 where live.count < 14:
                create(&ours, &theirs)
            case 2 where !live.isEmpty:
                let event = live.remove(at: below(live.count))
                ours.remove(event)
                theirs.remove(event)
            case 3 where !live.isEmpty: both(&ours, &theirs) { $0.disable($1) }
            case 4 where !live.isEmpty, 5 where !live.isEmpty:
                both(&ours, &theirs) { $0.enable($1) }
            case 6 where !live.isEmpty: both(&ours, &theirs) { $0.setPeriod($1, 1000) }
            case 7 where !live.isEmpty: both(&ours, &theirs) { $0.read($1) }
            case 8, 9, 10: switchTask(pcpu, &ours, &theirs)
            case 11 where loaded[pcpu]:
                loaded[pcpu] = false
                ours.putGuest(pcpu: pcpu)
                theirs.putGuest(pcpu: pcpu)
            case 11 where below(3) == 0:
                loaded[pcpu] = true
                ours.loadGuest(pcpu: pcpu, vcpu: 5, counters: 1)
                theirs.loadGuest(pcpu: pcpu, vcpu: 5, counters: 1)
            default:
                let goesOn = ours.rotate(pcpu: pcpu)
                let theirsGoesOn = theirs.rotate(pcpu: pcpu)
                #expect(goesOn == theirsGoesOn)
            }
        }

        private mutating func both(
            _ ours: inout Scheduler, _ theirs: inout Scheduler, _ body: (inout Scheduler, EventID) -> Void
        ) {
            let event = live[below(live.count)]
            body(&ours, event)
            body(&theirs, event)
        }

        private mutating func create(_ ours: inout Scheduler, _ theirs: inout Scheduler) {
            let scope: EventSpec.Scope = below(2) == 0 ? .pcpu(below(2)) : .task(tasks[below(tasks.count)])
            let priority: EventSpec.Priority = below(2) == 0 ? .pinned : .flexible
            var leader: EventID?
            for _ in 0...below(3) {
                let mask = masks[below(masks.count)]
                let kind: Constraint.Kind = mask == 0x15 ? .pair : mask == 0x9 ? .overlap : .plain
                let spec = EventSpec(
                    config: 0xc4, constraint: Constraint(mask: mask, weight: kind == .pair ? 3 : nil, kind: kind),
                    priority: priority, scope: scope)
                let event = ours.create(spec, leader: leader)
                _ = theirs.create(spec, leader: leader)
                leader = leader ?? event
            }
            if let leader {
                live.append(leader)
                ours.install(leader)
                theirs.install(leader)
            }
        }

        private mutating func switchTask(_ pcpu: Int, _ ours: inout Scheduler, _ theirs: inout Scheduler) {
            let next = below(2) == 0 ? tasks[below(tasks.count)] : nil
            if let next, current[1 - pcpu] == next {
                current[1 - pcpu] = nil
                ours.switchTask(pcpu: 1 - pcpu, to: nil)
                theirs.switchTask(pcpu: 1 - pcpu, to: nil)
            }
            current[pcpu] = next
            ours.switchTask(pcpu: pcpu, to: next)
            theirs.switchTask(pcpu: pcpu, to: next)
        }
    }
}
