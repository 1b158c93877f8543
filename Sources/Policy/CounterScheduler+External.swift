/// Handing the decisions to somebody else's policy and playing its steps.
extension CounterScheduler {
    /// From now on `policy` decides.
    ///
    /// - Precondition: no event was created yet.
    public mutating func delegate(to policy: any ExternalPolicy) {
        precondition(events.isEmpty, "a policy cannot take over events that another placed")
        external = policy
        externalRotates = [UInt8](repeating: 0, count: pcpus.count)
        for task in taskContexts.indices { _ = delegated(.addTask(task)) }
    }

    /// The external policy's answer to an operation, played; false if our own rules decide. After a failure nothing
    /// happens any more.
    mutating func delegated(_ operation: PolicyOperation) -> Bool {
        guard let external else { return false }
        guard failure == nil else { return true }
        do {
            let answer = try external.perform(operation)
            externalRotates = answer.rotates
            externalGoesOn = answer.goesOn
            if case .create(let event, _, _) = operation, let reason = answer.refusal {
                externalRefusals[event] = reason
            }
            for step in answer.steps { play(step) }
        } catch {
            failure = error
        }
        return true
    }

    /// Tells an external policy something that our own rules need not hear.
    public mutating func notice(_ operation: PolicyOperation) {
        if external != nil { _ = delegated(operation) }
    }

    /// Why an external policy does not let the event in, nil if it does.
    public func refusal(of event: EventID) -> Refusal.Reason? {
        externalRefusals.isEmpty ? nil : externalRefusals[event]
    }

    private mutating func play(_ step: PolicyStep) {
        switch step {
        case .sectionBegin(let pcpu): sink.sectionBegin(pcpu: pcpu)
        case .sectionEnd(let pcpu): sink.sectionEnd(pcpu: pcpu)
        case .start(let pcpu, let event, let counter):
            events[event].counter = counter
            events[event].lastPCPU = pcpu
            sink.start(pcpu: pcpu, event: event, counter: counter)
        case .stop(let pcpu, let event, let counter): sink.stop(pcpu: pcpu, event: event, counter: counter)
        case .read(let pcpu, let event, let counter): sink.read(pcpu: pcpu, event: event, counter: counter)
        case .period(let event, let period): sink.periodChanged(event: event, period: period)
        case .state(let pcpu, let event, let state): setState(event, state, pcpu: pcpu)
        case .timerWanted(let pcpu): sink.rotationTimerWanted(pcpu: pcpu)
        }
    }
}
