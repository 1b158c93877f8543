import PMU
import Policy

@testable import Host

/// Random scheduling cases of the kind that the kernel's own code answered: events of host and guests, pinned and
/// flexible, of the pCPU and of tasks, alone and in groups, that come, go, wait and take turns. The project's own
/// scheduler, which agrees with the kernel on all of its cases, gives the states.
struct RandomSchedulingCase {
    private var random: Dice
    private let flavour: Flavour
    private let gp: Int
    private let fixed: Int
    private var events: [SchedulingCase.Event] = []
    private var installed: [Int] = []
    private var ids: [Int: EventID] = [:]
    private var scheduler: CounterScheduler<SilentPMU>
    private var tasks: [TaskID] = []

    struct SilentPMU: PMUSink {}

    /// An event that a host or guest may ask for, and the counters that it may use.
    private typealias Kind = (config: String, mask: String)

    static func make(seed: UInt64) -> SchedulingCase {
        var one = RandomSchedulingCase(seed: seed)
        return one.make()
    }

    private init(seed: UInt64) {
        random = Dice(seed: seed)
        switch random.below(10) {
        case 0..<4: (flavour, gp, fixed) = (.intel, 4, 3)
        case 4..<7: (flavour, gp, fixed) = (.intel, 8, 3)
        case 7: (flavour, gp, fixed) = (.amdCoreExt, 6, 0)
        default: (flavour, gp, fixed) = (.amdV2, 6, 0)
        }
        scheduler = CounterScheduler(pcpus: 1, limits: .init(gp: gp, fixed: fixed, gpmax: gp), sink: SilentPMU())
    }

    private var kinds: [Kind] {
        switch (flavour, gp) {
        case (.intel, 4):
            [
                ("0x13003c", "0x20000000f"), ("0x13003c", "0x20000000f"), ("0x1300c0", "0x10000000f"),
                ("0x1300c0", "0x10000000f"), ("0x134f2e", "0xf"), ("0x1304c2", "0xf"), ("0x1302c2", "0xf"),
                ("0x1300c5", "0xf"), ("0x1301c0", "0x2"), ("0x1300c4", "0xf"), ("0x130300", "0x400000000"),
                ("0x1301c2", "0xf"), ("0x13412e", "0xf"),
            ]
        case (.intel, _):
            [
                ("0x13003c", "0x2000000ff"), ("0x13003c", "0x2000000ff"), ("0x1300c0", "0x1000000ff"),
                ("0x1300c0", "0x1000000ff"), ("0x1300c5", "0xff"), ("0x1301cd", "0xf"), ("0x13412e", "0xff"),
                ("0x130300", "0x400000000"), ("0x1381d0", "0xf"), ("0x134f2e", "0xff"), ("0x1302c2", "0xff"),
                ("0x1301c2", "0xff"), ("0x1302d1", "0xf"), ("0x1304c2", "0xff"), ("0x1301c0", "0x2"),
                ("0x1301d1", "0xf"), ("0x1300c4", "0xff"),
            ]
        default:
            [
                ("0x130076", "0x3f"), ("0x130964", "0x3f"), ("0x1300cc", "0x1"), ("0x13ff60", "0x3f"),
                ("0x1300c3", "0x3f"), ("0x1300c0", "0x3f"), ("0x1300c2", "0x3f"), ("0x1300a9", "0x3f"),
            ]
        }
    }

    private mutating func make() -> SchedulingCase {
        var steps: [SchedulingCase.Step] = []
        let taskCount = 1 + random.below(3)
        let guestShare = [0, 35, 65, 90][random.below(4)]
        if random.below(100) < 58 {
            let cycles = kinds[0]
            add([event(cycles, task: -1, pinned: true, leader: 0, period: 26_000_000_000)])
            steps.append(step("install 0") { $0.install(0) })
        }
        for _ in 0..<3 + random.below(32) {
            let dice = random.below(1000)
            if dice < 470 || installed.isEmpty {
                let first = events.count
                add(group(guestShare, taskCount))
                steps.append(step("install \(first)") { $0.install(first) })
                continue
            }
            let one = installed[random.below(installed.count)]
            switch dice {
            case ..<680:
                let task = [0, 0, 0, -1, 1, 2][random.below(6)]
                steps.append(
                    step("switch \(task)") {
                        let next = task < 0 ? nil : $0.task(task)
                        $0.scheduler.switchTask(pcpu: 0, to: next)
                    })
            case ..<810: steps.append(step("rotate") { $0.scheduler.rotate(pcpu: 0) })
            case ..<880: steps.append(step("enable \(one)") { $0.scheduler.enable($0.ids[one]!) })
            case ..<920: steps.append(step("disable \(one)") { $0.scheduler.disable($0.ids[one]!) })
            case ..<953: steps.append(step("read \(one)") { $0.scheduler.read($0.ids[one]!) })
            case ..<980:
                let period = [281_474_976_710_656, 100_003, 4096][random.below(3)]
                steps.append(
                    step("period \(one) \(period)") { $0.scheduler.setPeriod($0.ids[one]!, UInt64(period)) })
            default:
                steps.append(step("remove \(one)") { $0.scheduler.remove($0.ids[one]!) })
                installed.removeAll { $0 == one }
            }
        }
        return SchedulingCase(
            pmu: SchedulingCase.PMUShape(
                flavor: flavour.rawValue, gp: gp, fixed: fixed, fullWidth: random.below(3) == 0 ? 0 : 1, gpmax: gp),
            events: events, steps: steps)
    }

    private mutating func group(_ guestShare: Int, _ taskCount: Int) -> [SchedulingCase.Event] {
        let leader = events.count
        if random.below(100) < guestShare {
            let period: UInt64 = [281_474_976_710_656, 281_474_976_710_656, 100_003, 2_000_003][random.below(4)]
            return [
                event(
                    kinds[random.below(kinds.count)], task: random.below(taskCount), pinned: true, leader: leader,
                    guest: true, period: period)
            ]
        }
        let ofCPU = random.below(100) < 65
        let pinned = random.below(100) < 38
        let blind = ofCPU && !pinned && random.below(2) == 0
        let task = ofCPU ? -1 : random.below(taskCount)
        let members = [1, 1, 2, 2, 3][random.below(5)]
        return (0..<members).map { _ in
            event(
                kinds[random.below(kinds.count)], task: task, pinned: pinned, leader: leader, blind: blind,
                period: random.below(3) == 0 ? 1_000_003 : 0)
        }
    }

    private func event(
        _ kind: Kind, task: Int, pinned: Bool, leader: Int, guest: Bool = false, blind: Bool = false, period: UInt64
    ) -> SchedulingCase.Event {
        SchedulingCase.Event(
            id: 0, task: task, pinned: pinned ? 1 : 0, leader: leader, idxmsk: kind.mask, config: kind.config,
            excludeHost: guest ? 1 : 0, excludeGuest: blind ? 1 : 0, period: period)
    }

    private mutating func add(_ members: [SchedulingCase.Event]) {
        for var member in members {
            member.id = events.count
            events.append(member)
        }
        installed.append(members[0].leader)
    }

    private mutating func task(_ number: Int) -> TaskID {
        while tasks.count <= number { tasks.append(scheduler.addTask()) }
        return tasks[number]
    }

    private mutating func install(_ leader: Int) {
        for member in events where member.leader == leader {
            let spec = EventSpec(
                config: Conformance.hex(member.config)!, constraint: Constraint(mask: Conformance.hex(member.idxmsk)!),
                priority: member.pinned != 0 ? .pinned : .flexible,
                scope: member.task < 0 ? .pcpu(0) : .task(task(member.task)),
                exclusion: member.excludeHost != 0 ? .host : member.excludeGuest != 0 ? .guest : .none,
                samplePeriod: member.period)
            ids[member.id] = scheduler.create(spec, leader: member.id == leader ? nil : ids[leader])
        }
        scheduler.install(ids[leader]!)
    }

    private mutating func step(_ operation: String, _ play: (inout Self) -> Void) -> SchedulingCase.Step {
        play(&self)
        let states = events.compactMap { event -> SchedulingCase.State? in
            guard let id = ids[event.id] else { return nil }
            return SchedulingCase.State(
                id: event.id, letter: scheduler.state(of: id).letter, counter: scheduler.counter(of: id) ?? -1)
        }
        return SchedulingCase.Step(op: operation, state: states, rotate: nil, msr: [])
    }
}

/// A small generator with a seed, so that a failing test fails again.
private struct Dice {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 }

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((z ^ (z >> 31)) % UInt64(bound))
    }
}
