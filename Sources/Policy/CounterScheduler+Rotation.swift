import PMU

/// Multiplexing: flexible groups take turns when not all fit (kernel/events/core.c, v6.12).
extension CounterScheduler {
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
