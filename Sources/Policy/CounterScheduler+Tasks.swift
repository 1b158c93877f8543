import PMU

extension CounterScheduler {
    /// A task switch on `pcpu`: the events of the task that leaves go out, then those of `next` come in. nil is a
    /// task without events (the idle task among them).
    public mutating func switchTask(pcpu: Int, to next: TaskID?) {
        if external != nil {
            setCurrent(next, on: pcpu)
            setTaskContext(next.map { taskContexts[$0] } ?? -1, on: pcpu)
            _ = delegated(.switchTask(pcpu: pcpu, to: next))
            return
        }
        taskOut(pcpu)
        setCurrent(next, on: pcpu)
        taskIn(pcpu)
    }

    /// `perf_event_context_sched_out()`: cpu-flexible groups that wait are not tried.
    private mutating func taskOut(_ pcpu: Int) {
        guard let task = pcpus[pcpu].current else { return }
        let context = taskContexts[task]
        let section = contexts[context].hasPMU
        if section { pmuDisable(pcpu) }
        if pcpus[pcpu].taskContext == context { contextOut(context, .all, pcpu) }
        if section { pmuEnable(pcpu) }
        if !contexts[context].ultimate.isEmpty { giveBack(pcpu) }
        refillIfRuled(pcpu)
    }

    /// `perf_event_context_sched_in()`: a task with pinned groups makes cpu-flexible ones give way first.
    private mutating func taskIn(_ pcpu: Int) {
        guard let task = pcpus[pcpu].current else { return }
        let context = taskContexts[task]
        guard contexts[context].attached > 0 else { return }
        if pcpus[pcpu].taskGoesFirst { contextOut(pcpu, .flexible, pcpu) }
        if rules.pinnedMisfit == .retryAtSchedIn { reviveErrors(context, pcpu) }
        let taskSection = contexts[context].hasPMU
        if taskSection { pmuDisable(pcpu) }
        let hasUltimate = !contexts[context].ultimate.isEmpty
        let hasPinned =
            !contexts[context].pinned.isEmpty && rules.taskPinned == .displaces && rules.arbitration == .priority
        let cpuSection = (hasPinned || hasUltimate) && contexts[pcpu].hasPMU
        if hasPinned || hasUltimate {
            if cpuSection { pmuDisable(pcpu) }
            contextOut(pcpu, hasUltimate ? .common : .flexible, pcpu)
        }
        contextsIn(pcpu, task: context)
        if cpuSection { pmuEnable(pcpu) }
        if taskSection { pmuEnable(pcpu) }
    }

    private mutating func reviveErrors(_ context: Int, _ pcpu: Int) {
        for leader in contexts[context].ultimate + contexts[context].pinned where events[leader].state == .error {
            setState(leader, .inactive, pcpu: pcpu)
        }
    }

    /// A guest that stood before everything is off the pCPU: what it displaced comes back, ERROR only if ruled.
    private mutating func giveBack(_ pcpu: Int) {
        if rules.pinnedMisfit == .retryAtSchedIn { reviveErrors(pcpu, pcpu) }
        pmuDisable(pcpu)
        contextOut(pcpu, .common, pcpu)
        contextsIn(pcpu, task: -1)
        pmuEnable(pcpu)
    }
}
