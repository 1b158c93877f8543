import Host
import PMU

/// A guest's part in the simulation: it hands out one access after the other, and reacts where its kind does.
struct GuestDriver: Sendable {
    /// One thing the guest does in guest mode.
    enum Action: Sendable, Equatable {
        case write(register: UInt32, value: UInt64)
        case read(register: UInt32)
        case readPMC(Counter)
        case emulated(isBranch: Bool)
    }

    private enum Source: Sendable {
        case script(ScriptCursor)
        case stat(StatGuest)
        case record(RecordGuest)
    }

    private var source: Source
    /// Actions under way, first to last.
    private var batch: [Action] = []
    private var position = 0
    /// What an interrupt handler has still to do; it goes before everything else.
    private var handler: [Action] = []
    private var handlerReady: UInt64 = 0
    /// Guest time between two actions of a burst.
    private let gap: UInt64
    /// The earliest time of the next action.
    private var ready: UInt64 = 0

    init(_ program: GuestProgram, shape: GuestPMUShape, model: ProcessorModel) {
        gap = program.accessInterval
        let registers = GuestRegisterMap(shape: shape)
        switch program.kind {
        case .openLoop(let steps): source = .script(ScriptCursor(steps))
        case .perfStat(let plan): source = .stat(StatGuest(plan, registers: registers, model: model))
        case .perfRecord(let plan): source = .record(RecordGuest(plan, registers: registers, model: model))
        }
    }

    /// When the next action is due if the guest runs then, nil if it has nothing more to do.
    mutating func nextTime() -> UInt64? {
        if !handler.isEmpty { return handlerReady }
        if position < batch.count { return ready }
        while let burst = nextBurst() {
            // A guest without counters has nothing to do where others would.
            if burst.actions.isEmpty { continue }
            batch = burst.actions
            position = 0
            ready = max(ready, burst.time)
            return ready
        }
        return nil
    }

    private mutating func nextBurst() -> Burst? {
        switch source {
        case .script(var cursor):
            defer { source = .script(cursor) }
            return cursor.next(ready: ready).map { Burst(time: $0.time, actions: [$0.action]) }
        case .stat(var guest):
            defer { source = .stat(guest) }
            return guest.nextBurst()
        case .record(var guest):
            defer { source = .record(guest) }
            return guest.nextBurst()
        }
    }

    /// The action that is due; `nextTime()` said so.
    mutating func take(at time: UInt64) -> Action {
        ready = max(ready, time + gap)
        if !handler.isEmpty {
            handlerReady = time + gap
            return handler.removeFirst()
        }
        position += 1
        return batch[position - 1]
    }

    /// KVM injected an interrupt for `counters`.
    mutating func interrupted(_ counters: UInt64, at time: UInt64) {
        guard case .record(let guest) = source else { return }
        if handler.isEmpty { handlerReady = time + gap }
        handler += guest.interruptHandler(counters)
    }
}

/// Accesses that follow one another from a time on.
struct Burst: Sendable {
    var time: UInt64
    var actions: [GuestDriver.Action]
}

/// Walks a list of steps with its loops.
struct ScriptCursor: Sendable {
    private struct Frame {
        var steps: [GuestProgram.Step]
        var position = 0
        var roundsLeft: Int
    }
    private var frames: [Frame]

    init(_ steps: [GuestProgram.Step]) { frames = [Frame(steps: steps, roundsLeft: 1)] }

    /// The next access and its earliest time, nil at the end.
    mutating func next(ready: UInt64) -> (time: UInt64, action: GuestDriver.Action)? {
        var time = ready
        while var frame = frames.popLast() {
            if frame.position == frame.steps.count {
                frame.roundsLeft -= 1
                frame.position = 0
                if frame.roundsLeft > 0 { frames.append(frame) }
                continue
            }
            let step = frame.steps[frame.position]
            frame.position += 1
            frames.append(frame)
            switch step {
            case .write(let register, let value): return (time, .write(register: register, value: value))
            case .read(let register): return (time, .read(register: register))
            case .readPMC(let counter): return (time, .readPMC(counter))
            case .emulated(let isBranch): return (time, .emulated(isBranch: isBranch))
            case .at(let earliest): time = max(time, earliest)
            case .wait(let length): time = time &+ length
            case .loop(let count, let steps):
                if count > 0, steps.contains(where: ScriptCursor.acts) {
                    frames.append(Frame(steps: steps, roundsLeft: count))
                }
            }
        }
        return nil
    }

    /// Whether a step ever comes to an access; a loop of nothing else would only burn time.
    private static func acts(_ step: GuestProgram.Step) -> Bool {
        switch step {
        case .write, .read, .readPMC, .emulated: true
        case .at, .wait: false
        case .loop(let count, let steps): count > 0 && steps.contains(where: acts)
        }
    }
}
