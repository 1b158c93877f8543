import Host
import PMU
import Policy
import Timeline
import Trace

/// Writes the trace that a recorder would have taken of some demand under a policy: the operations' own records, and
/// the host's register traffic anew.
struct TraceComposer {
    private var machine: HostMachine<TrafficDriver<SteadyHardware>>
    private let timeline: Timeline
    private let timer: MuxTimer
    private var ticks: [UInt64]
    private let isa: UInt8
    private var trace: TraceBuffer
    /// The host task that each thread id stood for last.
    private var tasksSeen: [Int32: Int32] = [:]

    /// - Parameter metadata: the head of the trace that the demand comes from.
    init(_ timeline: Timeline, metadata: TraceMetadata) {
        self.timeline = timeline
        let actors = timeline.demand.actors
        timer = MuxTimer(interval: timeline.multiplexInterval)
        ticks = [UInt64](repeating: .max, count: actors.pcpus)
        isa = timeline.model.flavour == .intel ? 1 : 2
        let habits = TrafficHabits(fixedControl: timeline.kvm.fixedControlWrites, overflowPolls: .shown)
        machine = HostMachine(
            model: timeline.model, rules: timeline.recordedRules, actors: actors, kvm: timeline.kvm,
            sink: TrafficDriver(
                pcpus: actors.pcpus, model: timeline.model, habits: habits,
                output: SteadyHardware(pcpus: actors.pcpus, counterMask: timeline.model.counterMask)))
        trace = TraceBuffer(metadata: TraceComposer.metadata(timeline, metadata))
    }

    /// The composed trace, its events in rising time.
    mutating func compose() throws -> TraceBuffer {
        for operation in timeline.demand.operations {
            fireTicks(upTo: operation.time)
            hardware.now = max(hardware.now, operation.time)
            hardware.isRecording = !operation.isBeforeTrace
            perform(operation)
            hardware.isRecording = true
            arm()
        }
        for event in hardware.records { trace.append(event) }
        return trace
    }

    /// Where processor and clock come from; identities only of those who are left.
    private static func metadata(_ timeline: Timeline, _ original: TraceMetadata) -> TraceMetadata {
        var metadata = original
        var threads: Set<Int32> = []
        for operation in timeline.demand.operations {
            if case .taskSwitch(.vcpu(let vcpu)) = operation.kind {
                threads.insert(timeline.demand.actors.vcpus[Int(vcpu)].thread)
            }
        }
        metadata.threads.removeAll { $0.vcpu != nil && !threads.contains($0.tid) }
        // A watchdog that the reduction took away must not be believed in because the original host had one.
        let keepsWatchdog = timeline.demand.operations.contains { operation in
            guard case .hostInstall(let event) = operation.kind else { return false }
            return timeline.demand.actors.hostEvents[Int(event)].name.hasPrefix("nmi")
        }
        if !keepsWatchdog { metadata.nmiWatchdog = false }
        metadata.source = "reduce"
        metadata.muxIntervalMilliseconds = UInt32(clamping: max(1, timeline.multiplexInterval / 1_000_000))
        if metadata.processor?.modelName == nil { metadata.processor?.modelName = timeline.model.name }
        return metadata
    }

    private var hardware: SteadyHardware {
        _read { yield machine.scheduler.sink.output }
        _modify { yield &machine.scheduler.sink.output }
    }

    private func thread(_ vcpu: Int32) -> Int32 { timeline.demand.actors.vcpus[Int(vcpu)].thread }
    private func index(_ vcpu: Int32) -> UInt32 { UInt32(timeline.demand.actors.vcpus[Int(vcpu)].index) }

    private mutating func perform(_ operation: DemandOperation) {
        let pcpu = Int(operation.pcpu)
        let place = UInt16(pcpu)
        switch operation.kind {
        case .taskSwitch(let next): switchThread(operation, to: next, pcpu)
        case .guestEnter(let vcpu):
            machine.apply(operation)
            hardware.record(
                .kvmEntry(time: hardware.now, pcpu: place, pid: thread(vcpu), vcpu: index(vcpu)))
            hardware.setMode(inGuest: true, pcpu: pcpu)
        case .guestExit(let vcpu, _):
            hardware.setMode(inGuest: false, pcpu: pcpu)
            hardware.record(
                .kvmExit(
                    time: hardware.now, pcpu: place, pid: thread(vcpu), vcpu: index(vcpu), reason: isa == 1 ? 1 : 0x60,
                    isa: isa))
            machine.apply(operation)
        case .guestWrite(let vcpu, let register, let value, _):
            let answer = machine.apply(operation)
            hardware.record(
                .kvmMSR(
                    time: hardware.now, pcpu: place, pid: thread(vcpu), write: true, register: register, data: value,
                    exception: answer == .fault))
        case .guestRead(let vcpu, let register, _):
            var data: UInt64 = 0
            let answer = machine.apply(operation)
            if case .value(let read) = answer { data = read }
            hardware.record(
                .kvmMSR(
                    time: hardware.now, pcpu: place, pid: thread(vcpu), write: false, register: register, data: data,
                    exception: answer == .fault))
        case .hostInstall, .hostEnable, .hostDisable, .hostRemove, .hostPeriod, .hostRead, .rotationTick, .overflow:
            interrupting(pcpu) { $0.machine.apply(operation) }
        case .guestReadPMC, .emulatedInstruction, .pcpuOffline, .pcpuOnline, .vmCreate, .vmDestroy:
            machine.apply(operation)
        }
    }

    /// The record first, then the part of the thread that leaves, then that of the one that comes.
    private mutating func switchThread(_ operation: DemandOperation, to next: DemandOperation.Thread, _ pcpu: Int) {
        let old = hardware.pid(pcpu)
        let new: Int32 =
            switch next {
            case .vcpu(let vcpu): thread(vcpu)
            case .hostTask(let task): timeline.demand.actors.hostTasks[Int(task)]
            case .other: 0
            }
        guard old != new else { return }
        hardware.setMode(inGuest: false, pcpu: pcpu)
        if case .hostTask(let task) = next {
            // Without this record threads that had one id after another would be one.
            if let before = tasksSeen.updateValue(task, forKey: new), before != task {
                hardware.record(
                    .processFork(
                        time: hardware.now, pcpu: UInt16(pcpu), pid: 0, child: new, comm: 0, childComm: 0))
            }
        }
        hardware.record(.schedSwitch(time: hardware.now, pcpu: UInt16(pcpu), prev: old, next: new, prevState: 1))
        var leaving = operation
        leaving.kind = .taskSwitch(to: .other)
        machine.apply(leaving)
        hardware.setPID(new, pcpu: pcpu)
        if next != .other { machine.apply(operation) }
    }

    /// The host gets to work on a pCPU by an interrupt. A vCPU in guest mode leaves for it, and comes back at once.
    private mutating func interrupting(_ pcpu: Int, _ body: (inout TraceComposer) -> Void) {
        let vcpu = hardware.isInGuest(pcpu) ? vcpu(on: pcpu) : nil
        let (time, place) = (hardware.now, Int32(pcpu))
        if let vcpu {
            perform(DemandOperation(time: time, pcpu: place, kind: .guestExit(vcpu: vcpu, reentersFast: false)))
        }
        hardware.setInInterrupt(true, pcpu: pcpu)
        body(&self)
        hardware.setInInterrupt(false, pcpu: pcpu)
        if let vcpu { perform(DemandOperation(time: time, pcpu: place, kind: .guestEnter(vcpu: vcpu))) }
    }

    private func vcpu(on pcpu: Int) -> Int32? {
        timeline.demand.actors.vcpus.firstIndex { $0.thread == hardware.pid(pcpu) }.map { Int32($0) }
    }

    private mutating func fireTicks(upTo end: UInt64) {
        // The end of the clock stands for no timer.
        while let due = ticks.min(), due <= end, due != .max {
            hardware.now = max(hardware.now, due)
            for pcpu in ticks.indices where ticks[pcpu] == due {
                ticks[pcpu] = .max
                guard machine.mayRotate(pcpu: pcpu) else { continue }
                var goesOn = false
                interrupting(pcpu) { composer in
                    goesOn = composer.machine.scheduler.rotateNecessary(pcpu: pcpu) != (false, false)
                    if goesOn { composer.machine.scheduler.rotate(pcpu: pcpu) }
                }
                if goesOn { ticks[pcpu] = timer.tick(after: due) }
            }
            arm()
        }
    }

    private mutating func arm() {
        for pcpu in machine.scheduler.sink.takeWantedTimers() where ticks[pcpu] == .max {
            ticks[pcpu] = timer.tick(after: hardware.now)
        }
    }
}
