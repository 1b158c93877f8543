import PMU

extension CounterScheduler {
    /// A task switch on `pcpu`: the events of the task that leaves go out, then those of `next` come in. nil is a
    /// task without events (the idle task among them).
    public mutating func switchTask(pcpu: Int, to next: TaskID?) {
        taskOut(pcpu)
        pcpus[pcpu].current = next
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
        refillIfRuled(pcpu)
    }

    /// `perf_event_context_sched_in()`: a task with pinned groups makes cpu-flexible ones give way first.
    private mutating func taskIn(_ pcpu: Int) {
        guard let task = pcpus[pcpu].current else { return }
        let context = taskContexts[task]
        guard contexts[context].attached > 0 else { return }
        if rules.pinnedMisfit == .retryAtSchedIn { reviveErrors(context, pcpu) }
        let taskSection = contexts[context].hasPMU
        if taskSection { pmuDisable(pcpu) }
        let hasPinned = !contexts[context].pinned.isEmpty
        let cpuSection = hasPinned && contexts[pcpu].hasPMU
        if hasPinned {
            if cpuSection { pmuDisable(pcpu) }
            contextOut(pcpu, .flexible, pcpu)
        }
        contextsIn(pcpu, task: context)
        if cpuSection { pmuEnable(pcpu) }
        if taskSection { pmuEnable(pcpu) }
    }

    private mutating func reviveErrors(_ context: Int, _ pcpu: Int) {
        for leader in contexts[context].pinned where events[leader].state == .error {
            setState(leader, .inactive, pcpu: pcpu)
        }
    }

    /// The multiplexing timer fired, `perf_rotate_context()`. Answers whether the timer goes on.
    @discardableResult
    public mutating func rotate(pcpu: Int) -> Bool {
        let task = pcpus[pcpu].taskContext
        let cpuRotates = contexts[pcpu].rotateNecessary
        let taskRotates = task >= 0 && contexts[task].rotateNecessary
        guard cpuRotates || taskRotates else { return false }
        pmuDisable(pcpu)
        let taskGroup = taskRotates ? groupToRotate(task) : nil
        let cpuGroup = cpuRotates ? groupToRotate(pcpu) : nil
        let taskGives = task >= 0 && (taskGroup != nil || cpuGroup != nil)
        if taskGives { listsOut(task, .flexible, pcpu) }
        if let cpuGroup {
            listsOut(pcpu, .flexible, pcpu)
            moveToTail(cpuGroup, in: pcpu)
            groupsIn(pcpu, .flexible, pcpu)
        }
        if let taskGroup { moveToTail(taskGroup, in: task) }
        if taskGives { groupsIn(task, .flexible, pcpu) }
        pmuEnable(pcpu)
        return true
    }

    private mutating func groupToRotate(_ context: Int) -> EventID? {
        contexts[context].rotateNecessary = false
        return contexts[context].flexibleActive.first ?? contexts[context].flexible.first
    }

    private mutating func moveToTail(_ leader: EventID, in context: Int) {
        guard let index = contexts[context].flexible.firstIndex(of: leader) else { return }
        contexts[context].flexible.remove(at: index)
        contexts[context].flexible.append(leader)
    }
}
