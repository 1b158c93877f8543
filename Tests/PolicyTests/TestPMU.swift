import PMU
import Policy

/// Keeps a scheduler's steps in words.
struct StepRecorder: PMUSink {
    var steps: [String] = []
    var timerWanted = 0

    mutating func start(pcpu: Int, event: EventID, counter: Int) {
        steps.append("start \(event)@\(Counter(index: UInt8(counter)))")
    }
    mutating func stop(pcpu: Int, event: EventID, counter: Int) {
        steps.append("stop \(event)@\(Counter(index: UInt8(counter)))")
    }
    mutating func rotationTimerWanted(pcpu: Int) { timerWanted += 1 }
}

/// A scheduler under the laws, in the terms of its tests: events are called by their ids, counters by their names.
///
/// The PMU is Skylake's: 4 GP and 3 fixed counters, unless a test says otherwise.
struct TestPMU {
    var scheduler: CounterScheduler<LawChecker<StepRecorder>>

    init(
        gp: Int = 4, fixed: Int = 3, gpmax: Int? = nil, pcpus: Int = 1, rules: PolicyRules = .emulated,
        erratum: CounterScheduler<LawChecker<StepRecorder>>.Limits.HyperthreadErratum = .absent, siblings: [Int] = []
    ) {
        scheduler = CounterScheduler(
            pcpus: pcpus, limits: .init(gp: gp, fixed: fixed, gpmax: gpmax, hyperthreadErratum: erratum),
            rules: rules, siblings: siblings,
            sink: LawChecker(pcpus: pcpus, gp: gp, fixed: fixed, rules: rules, base: StepRecorder()))
    }

    enum Who {
        case cpu
        case task(TaskID)
    }

    static let anyGP: UInt64 = 0xf
    static let cycles: UInt64 = 0x2_0000_000f
    static let instructions: UInt64 = 0x1_0000_000f
    static let gp1: UInt64 = 0x2

    /// Makes, installs and enables an event, or a group of events with these masks.
    @discardableResult
    mutating func install(
        _ priority: EventSpec.Priority, _ who: Who, _ masks: UInt64..., kind: Constraint.Kind = .plain, pcpu: Int = 0,
        owner: EventOwner = .host(0)
    ) -> EventID {
        var leader: EventID?
        for mask in masks {
            let scope: EventSpec.Scope =
                switch who {
                case .cpu: .pcpu(pcpu)
                case .task(let task): .task(task)
                }
            let id = scheduler.create(
                EventSpec(
                    config: 0xc4, constraint: Constraint(mask: mask, weight: kind == .pair ? 3 : nil, kind: kind),
                    priority: priority, scope: scope, owner: owner), leader: leader)
            leader = leader ?? id
        }
        scheduler.install(leader!)
        return leader!
    }

    mutating func addTask() -> TaskID { scheduler.addTask() }
    mutating func run(_ task: TaskID?, pcpu: Int = 0) { scheduler.switchTask(pcpu: pcpu, to: task) }

    /// `gp1`, `error`, `inactive`, ...
    func place(_ event: EventID) -> String {
        scheduler.counter(of: event).map { Counter(index: UInt8($0)).description }
            ?? "\(scheduler.state(of: event))"
    }
    func places(_ events: EventID...) -> [String] { events.map(place) }
    func allPlaces() -> [String] { (0..<scheduler.eventCount).map(place) }

    /// The steps since the last call.
    mutating func take() -> [String] {
        defer { scheduler.sink.base.steps.removeAll() }
        return scheduler.sink.base.steps
    }

    /// Laws broken so far.
    func violations() -> [LawViolation] {
        var sink = scheduler.sink
        sink.finish()
        return sink.violations
    }
}
