import PMU

/// Lists of groups in and out of a pCPU, in perf's order: cpu-pinned, task-pinned, cpu-flexible, task-flexible.
extension CounterScheduler {
    /// `ctx_resched()`: what an enabled or newly installed event sets off on the pCPU it counts on.
    mutating func reschedule(_ pcpu: Int, because event: EventID) {
        let leader = events[event].leader
        let list = events[leader].list
        let isCPUEvent = events[leader].context == pcpu
        let lists: Lists = list == .ultimate ? .all : list == .pinned ? .common : .flexible
        let task = isCPUEvent ? pcpus[pcpu].taskContext : events[event].context
        let cpuSection = contexts[pcpu].hasPMU
        let taskSection = task >= 0 && contexts[task].hasPMU
        if cpuSection { pmuDisable(pcpu) }
        if taskSection { pmuDisable(pcpu) }
        if rules.arbitration == .firstCome {
            admit(pcpu, task: task)
        } else {
            if task >= 0, pcpus[pcpu].taskContext == task { contextOut(task, lists, pcpu) }
            if isCPUEvent {
                contextOut(pcpu, lists, pcpu)
            } else if list == .ultimate {
                contextOut(pcpu, .common, pcpu)
            } else if list == .pinned, rules.taskPinned == .displaces {
                contextOut(pcpu, .flexible, pcpu)
            }
            contextsIn(pcpu, task: task)
        }
        if taskSection { pmuEnable(pcpu) }
        if cpuSection { pmuEnable(pcpu) }
    }

    /// `perf_event_sched_in()`, with the level that only guests may ask for before it.
    mutating func contextsIn(_ pcpu: Int, task: Int) {
        if hasUltimate, task >= 0 { contextIn(task, .ultimate, pcpu) }
        contextIn(pcpu, .pinned, pcpu)
        if task >= 0 { contextIn(task, .pinned, pcpu) }
        if pcpus[pcpu].taskGoesFirst, task >= 0 { contextIn(task, .flexible, pcpu) }
        contextIn(pcpu, .flexible, pcpu)
        if task >= 0 { contextIn(task, .flexible, pcpu) }
    }

    /// First come, first served: what is on stays, and what waits may take what is left, in the usual order.
    private mutating func admit(_ pcpu: Int, task: Int) {
        if task >= 0, contexts[task].attached > 0 {
            contexts[task].active.formUnion(.common)
            setTaskContext(task, on: pcpu)
        }
        if contexts[pcpu].attached > 0 { contexts[pcpu].active.formUnion(.common) }
        waitingIn(pcpu)
    }

    /// Groups that wait are tried in the usual order, without anybody giving way.
    mutating func waitingIn(_ pcpu: Int) {
        let task = pcpus[pcpu].taskContext
        if hasUltimate, task >= 0 { groupsIn(task, .ultimate, pcpu) }
        groupsIn(pcpu, .pinned, pcpu)
        if task >= 0 { groupsIn(task, .pinned, pcpu) }
        if pcpus[pcpu].taskGoesFirst, task >= 0 { groupsIn(task, .flexible, pcpu) }
        groupsIn(pcpu, .flexible, pcpu)
        if task >= 0 { groupsIn(task, .flexible, pcpu) }
    }

    /// `ctx_sched_in()`: lists that are in already are left alone.
    private mutating func contextIn(_ context: Int, _ lists: Lists, _ pcpu: Int) {
        guard contexts[context].attached > 0 else { return }
        let changed = lists.subtracting(contexts[context].active)
        contexts[context].active.formUnion(lists)
        if case .task = contexts[context].scope { setTaskContext(context, on: pcpu) }
        if changed.contains(.ultimate) { groupsIn(context, .ultimate, pcpu) }
        if changed.contains(.pinned) { groupsIn(context, .pinned, pcpu) }
        if changed.contains(.flexible) { groupsIn(context, .flexible, pcpu) }
    }

    /// `ctx_sched_out()`.
    mutating func contextOut(_ context: Int, _ lists: Lists, _ pcpu: Int) {
        guard contexts[context].attached > 0 else { return }
        let changed = lists.intersection(contexts[context].active)
        contexts[context].active.subtract(lists)
        if case .task = contexts[context].scope, contexts[context].active.isEmpty { setTaskContext(-1, on: pcpu) }
        guard contexts[context].hasPMU else { return }
        listsOut(context, changed, pcpu)
    }

    /// `__pmu_ctx_sched_out()`: the lists' running groups go out; without flexible ones nothing is left to rotate.
    mutating func listsOut(_ context: Int, _ lists: Lists, _ pcpu: Int) {
        guard !lists.isEmpty else { return }
        pmuDisable(pcpu)
        if lists.contains(.ultimate) {
            groupsOut(context, .ultimate, pcpu)
        }
        if lists.contains(.pinned) {
            groupsOut(context, .pinned, pcpu)
        }
        if lists.contains(.flexible) {
            groupsOut(context, .flexible, pcpu)
            contexts[context].rotateNecessary = false
        }
        pmuEnable(pcpu)
    }

    /// A group that goes out leaves the list; one that does not is passed over.
    private mutating func groupsOut(_ context: Int, _ list: Lists, _ pcpu: Int) {
        var next = 0
        while let leader = running(context, list, next) {
            scheduleGroupOut(leader, pcpu)
            if running(context, list, next) == leader { next += 1 }
        }
    }

    @inline(__always)
    private func running(_ context: Int, _ list: Lists, _ place: Int) -> EventID? {
        switch list {
        case .ultimate: place < contexts[context].ultimateActive.count ? contexts[context].ultimateActive[place] : nil
        case .pinned: place < contexts[context].pinnedActive.count ? contexts[context].pinnedActive[place] : nil
        default: place < contexts[context].flexibleActive.count ? contexts[context].flexibleActive[place] : nil
        }
    }

    /// A counter fell free outside a rescheduling: Linux waits, a proposal refills.
    mutating func refillIfRuled(_ pcpu: Int) {
        guard rules.freed == .refillsAtOnce, pcpus[pcpu].disableDepth == 0 else { return }
        pmuDisable(pcpu)
        waitingIn(pcpu)
        pmuEnable(pcpu)
    }
}
