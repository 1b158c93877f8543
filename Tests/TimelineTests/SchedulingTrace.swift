import Foundation
import PMU
import Policy
import Trace

@testable import Host

/// A scheduling case of the kernel's own answers, turned into the trace a recorder would have taken of it: the
/// sched_switch record first, then the stops with the leaving thread's id, then the starts with the next one's.
struct SchedulingTrace {
    var flavour: Flavour
    var gp: Int
    var fixed: Int
    var events: [TraceEvent] = []
    var steps: [Step] = []

    struct Step {
        var operation: String
        /// Number of trace events up to and with this step.
        var end: Int
        var active: [SchedulingCase.State]
    }

    /// Thread ids: 0 is the idle task, which stands for "no task".
    static func thread(_ task: Int) -> Int32 { task < 0 ? 0 : Int32(1000 + task) }

    init(_ question: SchedulingCase) {
        flavour = Flavour(rawValue: question.pmu.flavor)!
        gp = question.pmu.gp
        fixed = question.pmu.fixed
        let fullWidth = flavour != .intel || question.pmu.fullWidth != 0
        var scheduler = CounterScheduler(
            pcpus: 1, limits: .init(gp: gp, fixed: fixed, gpmax: question.pmu.gpmax),
            sink: TrafficDriver(
                pcpus: 1,
                layout: RegisterLayout(
                    flavour: flavour, gp: gp, fixed: fixed, width: 48, fullWidthWrites: fullWidth,
                    maxPeriod: fullWidth ? 0x7fff_ffff_ffff : 0x7fff_ffff),
                output: TrafficLog()))
        var ids: [Int: EventID] = [:]
        var tasks: [Int: TaskID] = [:]
        var current: Int32 = 0
        var time: UInt64 = 1000
        func task(_ number: Int) -> TaskID {
            if let task = tasks[number] { return task }
            tasks[number] = scheduler.addTask()
            return tasks[number]!
        }
        func emit() {
            for access in scheduler.sink.output.accesses {
                let kind: EventKind =
                    access.letter == "w" ? .writeMSR : access.letter == "r" ? .readMSR : .rdpmc
                events.append(
                    .host(
                        kind, time: time, pcpu: 0, pid: current,
                        register: UInt32(access.address.dropFirst(2), radix: 16)!,
                        value: UInt64(access.value.dropFirst(2), radix: 16)!))
            }
            scheduler.sink.output.accesses.removeAll()
        }
        for step in question.steps {
            time += 1000
            let words = step.op.split(separator: " ")
            let number = words.count > 1 ? Int(words[1])! : 0
            switch words[0] {
            case "install":
                let members = question.events.filter { $0.leader == number }.sorted {
                    ($0.id == number ? 0 : 1, $0.id) < ($1.id == number ? 0 : 1, $1.id)
                }
                for member in members {
                    let spec = EventSpec(
                        config: Conformance.hex(member.config)!,
                        constraint: Constraint(mask: Conformance.hex(member.idxmsk)!),
                        priority: member.pinned != 0 ? .pinned : .flexible,
                        scope: member.task < 0 ? .pcpu(0) : .task(task(member.task)),
                        exclusion: member.excludeHost != 0 ? .host : member.excludeGuest != 0 ? .guest : .none,
                        samplePeriod: member.period)
                    ids[member.id] = scheduler.create(spec, leader: member.id == number ? nil : ids[number])
                }
                scheduler.install(ids[number]!)
            case "enable": scheduler.enable(ids[number]!)
            case "disable": scheduler.disable(ids[number]!)
            case "remove": scheduler.remove(ids[number]!)
            case "period": scheduler.setPeriod(ids[number]!, UInt64(words[2])!)
            case "read": scheduler.read(ids[number]!)
            case "rotate": scheduler.rotate(pcpu: 0)
            case "switch":
                let next = SchedulingTrace.thread(number)
                events.append(.schedSwitch(time: time, pcpu: 0, prev: current, next: next))
                scheduler.switchTask(pcpu: 0, to: nil)
                emit()
                current = next
                scheduler.switchTask(pcpu: 0, to: number < 0 ? nil : task(number))
            default: fatalError("operation \(step.op)")
            }
            emit()
            steps.append(
                Step(operation: step.op, end: events.count, active: step.state.filter { $0.letter == "A" }))
        }
    }
}
