import Host
import PMU

/// A guest under `perf stat`: counters are armed with the longest period, read at an interval, and taken in turns
/// where there are more events than fit.
struct StatGuest: Sendable {
    private let plan: GuestProgram.PerfStat
    private let registers: GuestRegisterMap
    private let model: ProcessorModel
    /// Events in the order of their turns.
    private var order: [UInt64]
    private var running: [(config: UInt64, counter: Counter)] = []
    private var fixed: UInt64 = 0
    private var started = false
    private var finished = false
    private var nextRotation: UInt64 = 0
    private var nextRead: UInt64 = 0

    init(_ plan: GuestProgram.PerfStat, registers: GuestRegisterMap, model: ProcessorModel) {
        self.plan = plan
        self.registers = registers
        self.model = model
        order = plan.events
    }

    mutating func nextBurst() -> Burst? {
        if finished { return nil }
        guard started else {
            started = true
            nextRotation = plan.from + plan.rotateEvery
            nextRead = plan.from + plan.readEvery
            return Burst(time: plan.from, actions: registers.stopAll() + startTurn() + registers.startAll())
        }
        let multiplexes = running.count < order.count
        let time = multiplexes ? min(nextRotation, nextRead) : nextRead
        if time >= plan.to {
            finished = true
            return Burst(time: plan.to, actions: registers.stopAll() + stopTurn())
        }
        if time == nextRead {
            nextRead += plan.readEvery
            return Burst(time: time, actions: running.map { .readPMC($0.counter) })
        }
        nextRotation += plan.rotateEvery
        let stops = stopTurn()
        order.append(order.removeFirst())
        return Burst(time: time, actions: registers.stopAll() + stops + startTurn() + registers.startAll())
    }

    private mutating func startTurn() -> [GuestDriver.Action] {
        var actions: [GuestDriver.Action] = []
        running = []
        // As perf does, the first event that does not fit ends the turn.
        for (config, counter) in zip(order, registers.place(order, model: model)) {
            guard let counter else { break }
            running.append((config, counter))
            actions += registers.start(counter, config: config, period: registers.longestPeriod, fixed: &fixed)
        }
        return actions
    }

    private mutating func stopTurn() -> [GuestDriver.Action] {
        var actions: [GuestDriver.Action] = []
        for (config, counter) in running { actions += registers.stop(counter, config: config, fixed: &fixed) }
        return actions
    }
}

/// A guest under `perf record`: each event has a counter of its own, and every interrupt arms it anew.
struct RecordGuest: Sendable {
    private let plan: GuestProgram.PerfRecord
    private let registers: GuestRegisterMap
    private let counters: [Counter?]
    private var stage = Stage.before

    private enum Stage { case before, sampling, done }

    init(_ plan: GuestProgram.PerfRecord, registers: GuestRegisterMap, model: ProcessorModel) {
        self.plan = plan
        self.registers = registers
        counters = registers.place(plan.events.map(\.config), model: model)
    }

    mutating func nextBurst() -> Burst? {
        var fixed: UInt64 = 0
        switch stage {
        case .before:
            stage = .sampling
            var actions = registers.stopAll()
            for (event, counter) in zip(plan.events, counters) {
                guard let counter else { continue }
                actions += registers.start(counter, config: event.config, period: event.period, fixed: &fixed)
            }
            return Burst(time: plan.from, actions: actions + registers.startAll())
        case .sampling:
            stage = .done
            var actions = registers.stopAll()
            for (event, counter) in zip(plan.events, counters) {
                guard let counter else { continue }
                actions += registers.stop(counter, config: event.config, fixed: &fixed)
            }
            return Burst(time: plan.to, actions: actions)
        case .done: return nil
        }
    }

    /// What the guest's interrupt handler does: `intel_pmu_handle_irq()`, `x86_pmu_handle_irq()` and
    /// `amd_pmu_v2_handle_irq()`, v6.12.
    func interruptHandler(_ overflowed: UInt64) -> [GuestDriver.Action] {
        guard stage != .before else { return [] }
        var reload: [GuestDriver.Action] = []
        for (event, counter) in zip(plan.events, counters) {
            guard let counter, overflowed & counter.bit != 0 else { continue }
            reload.append(.readPMC(counter))
            reload.append(
                .write(register: registers.counter(counter), value: registers.armed(period: event.period)))
        }
        guard !reload.isEmpty else { return [] }
        guard registers.shape.hasGlobalControl else { return reload }
        let (status, clear) =
            registers.isIntel
            ? (MSR.globalStatus, MSR.globalOverflowControl) : (MSR.amdGlobalStatus, MSR.amdGlobalStatusClear)
        return registers.stopAll() + [.read(register: status), .write(register: clear, value: overflowed)] + reload
            + registers.startAll()
    }
}
