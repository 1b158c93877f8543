import PMU
import Policy

/// Plays one scheduling case on one pCPU and compares state, counters, rotate flags and traffic after each step.
struct SchedulingPlayer {
    private let question: SchedulingCase
    private let line: Int
    private var scheduler: CounterScheduler<TrafficDriver<TrafficLog>>
    private var ids: [Int: EventID] = [:]
    private var tasks: [Int: TaskID] = [:]
    private var attachedInOrder: [Int] = []

    init(_ question: SchedulingCase, line: Int) throws {
        self.question = question
        self.line = line
        let shape = question.pmu
        guard let flavour = Flavour(rawValue: shape.flavor) else {
            throw Conformance.BadCase(
                line: line, reason: "flavor \(shape.flavor) is not one of intel, amd_core_ext, amd_v2")
        }
        guard (0...32).contains(shape.gp), (0...16).contains(shape.fixed) else {
            throw Conformance.BadCase(line: line, reason: "\(shape.gp) GP and \(shape.fixed) fixed counters")
        }
        let fullWidth = flavour != .intel || shape.fullWidth != 0
        let layout = RegisterLayout(
            flavour: flavour, gp: shape.gp, fixed: shape.fixed, width: 48, fullWidthWrites: fullWidth,
            maxPeriod: fullWidth ? 0x7fff_ffff_ffff : 0x7fff_ffff)
        scheduler = CounterScheduler(
            pcpus: 1, limits: .init(gp: shape.gp, fixed: shape.fixed, gpmax: shape.gpmax),
            sink: TrafficDriver(pcpus: 1, layout: layout, output: TrafficLog()))
    }

    /// The first step at which the kernel answered otherwise, in words; nil if there is none.
    mutating func firstDifference() throws -> String? {
        for (number, step) in question.steps.enumerated() {
            scheduler.sink.output.accesses.removeAll(keepingCapacity: true)
            try play(step)
            if let difference = difference(step) { return "step \(number) `\(step.op)`: \(difference)" }
        }
        return nil
    }

    private mutating func play(_ step: SchedulingCase.Step) throws {
        let words = step.op.split(separator: " ")
        func number(_ index: Int) throws -> Int {
            guard words.count > index, let value = Int(words[index]) else {
                throw Conformance.BadCase(line: line, reason: "operation `\(step.op)` lacks a number")
            }
            return value
        }
        switch words.first {
        case "install": try install(leader: try number(1))
        case "enable": scheduler.enable(try event(try number(1)))
        case "disable": scheduler.disable(try event(try number(1)))
        case "remove": scheduler.remove(try event(try number(1)))
        case "switch":
            let task = try number(1)
            scheduler.switchTask(pcpu: 0, to: task < 0 ? nil : taskID(task))
        case "rotate": scheduler.rotate(pcpu: 0)
        case "period":
            let period = try number(2)
            scheduler.setPeriod(try event(try number(1)), UInt64(bitPattern: Int64(period)))
        case "read": scheduler.read(try event(try number(1)))
        default: throw Conformance.BadCase(line: line, reason: "operation `\(step.op)` is unknown")
        }
    }

    private mutating func install(leader: Int) throws {
        let members = question.events.filter { $0.leader == leader }.sorted {
            ($0.id == leader ? 0 : 1, $0.id) < ($1.id == leader ? 0 : 1, $1.id)
        }
        guard members.first?.id == leader, ids[leader] == nil else {
            throw Conformance.BadCase(line: line, reason: "install \(leader) names no leader that waits")
        }
        for member in members {
            guard let mask = Conformance.hex(member.idxmsk), let config = Conformance.hex(member.config) else {
                throw Conformance.BadCase(line: line, reason: "event \(member.id) has no number as idxmsk or config")
            }
            let spec = EventSpec(
                config: config, constraint: Constraint(mask: mask), priority: member.pinned != 0 ? .pinned : .flexible,
                scope: member.task < 0 ? .pcpu(0) : .task(taskID(member.task)),
                exclusion: member.excludeHost != 0 ? .host : member.excludeGuest != 0 ? .guest : .none,
                samplePeriod: member.period)
            ids[member.id] = scheduler.create(spec, leader: member.id == leader ? nil : ids[leader])
            attachedInOrder.append(member.id)
        }
        scheduler.install(ids[leader]!)
    }

    private func event(_ id: Int) throws -> EventID {
        guard let event = ids[id] else {
            throw Conformance.BadCase(line: line, reason: "event \(id) was never installed")
        }
        return event
    }

    private mutating func taskID(_ number: Int) -> TaskID {
        if let task = tasks[number] { return task }
        let task = scheduler.addTask()
        tasks[number] = task
        return task
    }

    private func difference(_ step: SchedulingCase.Step) -> String? {
        for wanted in step.state {
            guard let event = ids[wanted.id] else {
                return "event \(wanted.id) is \(wanted.letter), ours not installed"
            }
            let state = scheduler.state(of: event)
            let ours = SchedulingCase.State(
                id: wanted.id, letter: state.letter, counter: scheduler.counter(of: event) ?? -1)
            if ours != wanted {
                return "event \(wanted.id) is \(wanted.letter)@\(wanted.counter), ours \(ours.letter)@\(ours.counter)"
            }
        }
        if let rotate = step.rotate {
            let flags = scheduler.rotateNecessary(pcpu: 0)
            let ours = [flags.cpu ? 1 : 0, flags.task ? 1 : 0]
            if rotate != ours { return "rotate flags are \(rotate), ours \(ours)" }
        }
        let ours = scheduler.sink.output.accesses
        for (index, wanted) in step.msr.enumerated() {
            guard index < ours.count else { return "access \(index) is \(describe(wanted)), ours none" }
            if ours[index] != wanted { return "access \(index) is \(describe(wanted)), ours \(describe(ours[index]))" }
        }
        return ours.count > step.msr.count
            ? "access \(step.msr.count) is none, ours \(describe(ours[step.msr.count]))" : nil
    }

    private func describe(_ access: SchedulingCase.Access) -> String {
        "\(access.letter) \(access.address)=\(access.value)"
    }
}

/// Traffic in the shape of the cases; the counters do not count, so reading gives what was written last.
struct TrafficLog: TrafficOutput {
    var accesses: [SchedulingCase.Access] = []
    private var values = [UInt64](repeating: 0, count: 64)

    mutating func access(_ access: RegisterAccess, pcpu: Int) {
        let letter =
            switch access.instruction {
            case .wrmsr: "w"
            case .rdmsr: "r"
            case .rdpmc: "p"
            }
        accesses.append(
            SchedulingCase.Access(
                letter: letter, address: "0x" + String(access.address, radix: 16),
                value: "0x" + String(access.value, radix: 16)))
    }

    mutating func value(pcpu: Int, counter: Counter) -> UInt64 { values[Int(counter.index)] }
    mutating func written(pcpu: Int, counter: Counter, value: UInt64) { values[Int(counter.index)] = value }
}

extension EventState {
    /// The letter the cases use: A, I, O, E or X.
    var letter: String {
        switch self {
        case .active: "A"
        case .inactive: "I"
        case .off: "O"
        case .error: "E"
        case .exited: "X"
        }
    }
}
