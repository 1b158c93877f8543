import PMU

extension CounterScheduler {
    /// A task switch on `pcpu`: the events of the task that leaves go out, then those of `next` come in. nil is a
    /// task without events (the idle task among them).
    public mutating func switchTask(pcpu: Int, to next: TaskID?) {
        if external != nil {
            pcpus[pcpu].current = next
            pcpus[pcpu].taskContext = next.map { taskContexts[$0] } ?? -1
            _ = delegated(.switchTask(pcpu: pcpu, to: next))
            return
        }
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

    /// The multiplexing timer fired, `perf_rotate_context()`. Answers whether the timer goes on.
    @discardableResult
    public mutating func rotate(pcpu: Int) -> Bool {
        if delegated(.rotate(pcpu: pcpu)) { return externalGoesOn && failure == nil }
        let task = pcpus[pcpu].taskContext
        let cpuRotates = contexts[pcpu].rotateNecessary
        let taskRotates = task >= 0 && contexts[task].rotateNecessary
        guard cpuRotates || taskRotates else { return false }
        if rules.flexibleOrder == .takesTurns, task >= 0 {
            rotateInTurns(pcpu, task, cpuRotates: cpuRotates, taskRotates: taskRotates)
            return true
        }
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

    /// Both lists go out, each that has to rotates, and the other one than last time comes in first.
    private mutating func rotateInTurns(_ pcpu: Int, _ task: Int, cpuRotates: Bool, taskRotates: Bool) {
        pmuDisable(pcpu)
        let cpuGroup = cpuRotates ? groupToRotate(pcpu) : nil
        let taskGroup = taskRotates ? groupToRotate(task) : nil
        listsOut(task, .flexible, pcpu)
        listsOut(pcpu, .flexible, pcpu)
        if let cpuGroup { moveToTail(cpuGroup, in: pcpu) }
        if let taskGroup { moveToTail(taskGroup, in: task) }
        pcpus[pcpu].taskGoesFirst.toggle()
        groupsIn(pcpus[pcpu].taskGoesFirst ? task : pcpu, .flexible, pcpu)
        groupsIn(pcpus[pcpu].taskGoesFirst ? pcpu : task, .flexible, pcpu)
        pmuEnable(pcpu)
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
