import Host
import Trace

extension Simulation {
    mutating func wake(_ thread: Int) {
        guard threads[thread].state == .sleeping || threads[thread].state == .absent, isAlive(thread) else { return }
        if threads[thread].left == nil, let run = threads[thread].plan.run {
            threads[thread].left = threads[thread].random.varied(run, percent: threads[thread].plan.jitterPercent)
        }
        makeReady(thread, on: placement(of: thread))
    }

    /// Its place has changed: a thread that runs or waits goes there now, a sleeping one when it wakes.
    mutating func place(_ thread: Int) {
        let pcpu = placement(of: thread)
        switch threads[thread].state {
        case .running(let old) where old != pcpu:
            takeOff(old, state: .ready(pcpu))
            makeReady(thread, on: pcpu)
            dispatch(old)
        case .ready(let old) where old != pcpu:
            run[old].ready.removeAll { $0 == thread }
            makeReady(thread, on: pcpu)
        default: break
        }
    }

    mutating func fallAsleep(_ thread: Int) {
        guard case .running(let pcpu) = threads[thread].state else { return }
        takeOff(pcpu, state: .sleeping)
        let sleep = threads[thread].random.varied(
            threads[thread].plan.sleep, percent: threads[thread].plan.jitterPercent)
        threads[thread].left = nil
        queue.add(.wake(thread: thread), at: now + sleep)
        dispatch(pcpu)
    }

    mutating func preempt(_ pcpu: Int) {
        let current = run[pcpu].current
        guard current >= 0, !run[pcpu].ready.isEmpty else { return }
        takeOff(pcpu, state: .ready(pcpu))
        run[pcpu].ready.append(current)
        dispatch(pcpu)
    }

    /// The thread is gone for good.
    mutating func end(_ thread: Int) {
        switch threads[thread].state {
        case .running(let pcpu):
            takeOff(pcpu, state: .absent)
            dispatch(pcpu)
        case .ready(let pcpu): run[pcpu].ready.removeAll { $0 == thread }
        default: break
        }
        threads[thread].state = .absent
        threads[thread].generation += 1
    }

    private func isAlive(_ thread: Int) -> Bool {
        guard case .vcpu(let vcpu) = threads[thread].owner else { return true }
        return host.runningVMs.contains(vcpus[vcpu].vm)
    }

    private func placement(of thread: Int) -> Int {
        threads[thread].plan.placements.last { $0.from <= now }?.pcpu ?? 0
    }

    private mutating func makeReady(_ thread: Int, on pcpu: Int) {
        threads[thread].state = .ready(pcpu)
        run[pcpu].ready.append(thread)
        if run[pcpu].current < 0 {
            dispatch(pcpu)
        } else if run[pcpu].ready.count == 1 {
            queue.add(.preempt(pcpu: pcpu, generation: run[pcpu].generation), at: now + scenario.timeslice)
        }
    }

    /// The running thread stops; who is next `dispatch` says. Its switch record comes with the next thread.
    private mutating func takeOff(_ pcpu: Int, state: Thread.State) {
        let thread = run[pcpu].current
        threads[thread].generation += 1
        if let left = threads[thread].left {
            let ran = now - threads[thread].switchedInAt
            threads[thread].left = left > ran ? left - ran : 1
        }
        threads[thread].state = state
        if case .vcpu(let vcpu) = threads[thread].owner {
            leaveGuest(vcpu, reason: state == .sleeping ? exits.halt : exits.interrupt)
            vcpus[vcpu].generation += 1
            vcpus[vcpu].actionGeneration += 1
            vcpus[vcpu].pcpu = -1
        }
    }

    /// Switches to the first ready thread, or to the idle task.
    ///
    /// `__schedule()` (kernel/sched/core.c, v6.12): the record first, then perf's part for the thread that leaves,
    /// still current, then for the one that comes.
    private mutating func dispatch(_ pcpu: Int) {
        let prev = run[pcpu].current
        let next = run[pcpu].ready.isEmpty ? -1 : run[pcpu].ready.removeFirst()
        guard prev != next || prev >= 0 else { return }
        let prevThread = prev >= 0 ? threads[prev].plan.tid : 0
        let nextThread = next >= 0 ? threads[next].plan.tid : 0
        let sleeps = prev >= 0 && threads[prev].state == .sleeping
        let ends = prev >= 0 && threads[prev].state == .absent
        run[pcpu].current = next
        run[pcpu].generation += 1
        if prev != next {
            hardware.record(
                .schedSwitch(
                    time: now, pcpu: UInt16(pcpu), prev: prevThread, next: nextThread,
                    prevState: sleeps ? 1 : ends ? 0x40 : 0))
            hardware.pcpus[pcpu].pid = prevThread
            apply(.taskSwitch(to: .other), pcpu: pcpu)
            hardware.pcpus[pcpu].pid = nextThread
        }
        guard next >= 0 else { return }
        threads[next].state = .running(pcpu)
        threads[next].switchedInAt = now
        threads[next].generation += 1
        if let left = threads[next].left {
            queue.add(.sliceEnd(thread: next, generation: threads[next].generation), at: now + left)
        }
        if !run[pcpu].ready.isEmpty {
            queue.add(.preempt(pcpu: pcpu, generation: run[pcpu].generation), at: now + scenario.timeslice)
        }
        switch threads[next].owner {
        case .vcpu(let vcpu):
            if prev != next { apply(.taskSwitch(to: .vcpu(Int32(vcpu))), pcpu: pcpu) }
            vcpus[vcpu].pcpu = pcpu
            vcpus[vcpu].generation += 1
            vcpus[vcpu].nextExit = .max
            queue.add(
                .enter(vcpu: vcpu, generation: vcpus[vcpu].generation), at: now + Simulation.switchToEntry)
        case .task(let task): if prev != next { apply(.taskSwitch(to: .hostTask(Int32(task))), pcpu: pcpu) }
        }
    }

    /// Between a vCPU thread's switch in and its first VM entry.
    static let switchToEntry: UInt64 = 2_000
}
