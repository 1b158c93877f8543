import Host
import PMU
import Policy

extension TimelineBuilder {
    /// Puts owners to recorded steps and reads decisions off them, section by section.
    func label(_ timeline: inout Timeline, _ play: CoSimulation, _ vcpuOfHolding: [Int32], _ hosts: HostEventInference)
    {
        var virtual: [Int: Counter] = [:]
        for (number, owner) in play.owners.enumerated() {
            if case .guest(_, let counter) = owner { virtual[number] = counter }
        }
        var now = [Held?](repeating: nil, count: timeline.demand.actors.pcpus * 64)
        for (number, holding) in reader.holdings.enumerated() where holding.wasBefore {
            let step = RecordedStep(
                time: timeline.start, event: 0, pcpu: holding.pcpu, counter: holding.counter, kind: .start,
                config: holding.config, exclusion: holding.exclusion, vcpu: vcpuOfHolding[number],
                hostEvent: hosts.candidateOf[number], holding: Int32(number))
            now[Int(holding.pcpu) * 64 + Int(holding.counter.index)] = Held(holder(step, nil), holding)
            timeline.decisions.append(decision(step, holder(step, nil), timeline, hosts))
        }
        var stepNumber = 0
        let steps = timeline.steps
        while stepNumber < steps.count {
            // Steps of one section: the same pCPU without another pCPU's step between; holders are compared at its end.
            let section = sectionKey(steps[stepNumber])
            var touched: [(slot: Int, before: Held?, step: Int)] = []
            var last = stepNumber
            while last < steps.count, sectionKey(steps[last]) == section {
                if last > stepNumber, splits(steps[last - 1], steps[last], now) { break }
                let step = steps[last]
                let slot = Int(step.pcpu) * 64 + Int(step.counter.index)
                if let place = touched.firstIndex(where: { $0.slot == slot }) {
                    touched[place].step = last
                } else {
                    touched.append((slot, now[slot], last))
                }
                now[slot] =
                    step.kind == .start ? Held(holder(step, virtual[last]), reader.holdings[Int(step.holding)]) : nil
                last += 1
            }
            for item in touched where item.before != now[item.slot] {
                timeline.decisions.append(decision(steps[item.step], now[item.slot]?.holder, timeline, hosts))
            }
            stepNumber = last
        }
    }

    /// Who holds a counter, with which event, and what the traffic says of its scope.
    private struct Held: Equatable {
        var holder: Decision.Holder
        var config: UInt64
        var isCPU: Bool
        var isTask: Bool

        init?(_ holder: Decision.Holder?, _ holding: Holding) {
            guard let holder else { return nil }
            self.holder = holder
            config = holding.config
            isCPU = holding.lists.isCPU
            isTask = holding.lists.isTask
        }
    }

    /// Without global control nothing ends a section that leaves no counter running: a later start is another's.
    private func splits(_ before: RecordedStep, _ step: RecordedStep, _ now: [Held?]) -> Bool {
        guard reader.shape.flavour == .amdCoreExt, step.kind == .start, step.time != before.time else { return false }
        let base = Int(step.pcpu) * 64
        return now[base..<base + 64].allSatisfy { $0 == nil }
    }

    private func sectionKey(_ step: RecordedStep) -> SectionKey { SectionKey(pcpu: step.pcpu, section: section(step)) }

    private struct SectionKey: Equatable {
        var pcpu: Int32
        var section: Int
    }

    /// The section that holds the step: the last one that began before it on its pCPU.
    private func section(_ step: RecordedStep) -> Int {
        var low = 0
        var high = reader.sections.count
        while low < high {
            let middle = (low + high) / 2
            if reader.sections[middle].event <= step.event { low = middle + 1 } else { high = middle }
        }
        var index = low - 1
        while index >= 0, reader.sections[index].pcpu != step.pcpu { index -= 1 }
        return index
    }

    private func holder(_ step: RecordedStep, _ counter: Counter?) -> Decision.Holder? {
        if step.vcpu >= 0 { return .guest(vcpu: Int(step.vcpu), counter: counter) }
        return step.hostEvent >= 0 ? .host(Int(step.hostEvent)) : nil
    }

    private func decision(
        _ step: RecordedStep, _ holder: Decision.Holder?, _ timeline: Timeline, _ hosts: HostEventInference
    ) -> Decision {
        var certainty = Certainty.seen
        var scopes: [Decision.Scope] = []
        var rivals: [Int] = []
        let holding = reader.holdings[Int(step.holding)]
        if case .host(let index) = holder {
            let pcpu = Decision.Scope.pcpu(step.pcpu)
            let thread = Decision.Scope.thread(holding.thread)
            let candidate = hosts.candidates[index]
            let lists = candidate.isSettled || candidate.listsHoldThroughout ? candidate.lists : holding.lists
            if lists.isCPU {
                scopes = [pcpu]
            } else if lists.isTask {
                scopes = [thread]
            } else {
                certainty = .inferred
                scopes = candidate.lists.isTask ? [thread, pcpu] : [pcpu, thread]
            }
            rivals = hosts.rivals(of: step.holding)
            if !rivals.isEmpty { certainty = .ambiguous }
        }
        if holding.wasBefore, holder != nil, certainty == .seen { certainty = .inferred }
        return Decision(
            time: step.time, event: step.event, pcpu: step.pcpu, counter: step.counter, holder: holder,
            config: step.config, certainty: certainty, scopes: scopes, rivals: rivals)
    }

    /// Lays the segments out on their contexts' own time.
    func measure(
        _ timeline: inout Timeline, _ play: CoSimulation, _ vcpuOfHolding: [Int32], _ hosts: HostEventInference
    ) {
        let segments = reader.segments
        var clocks = ModeClocks(actors: timeline.demand.actors, start: timeline.start, entries: timeline.kvm.entries)
        var from = [UInt64](repeating: 0, count: segments.count)
        var to = from
        let starts = segments.indices.sorted {
            (segments[$0].firstEvent, $0) < (segments[$1].firstEvent, $1)
        }
        let ends = segments.indices.sorted { (segments[$0].event, $0) < (segments[$1].event, $1) }
        var nextStart = 0
        var nextEnd = 0
        func axis(_ segment: Int) -> ModeClocks.Axis? {
            let holding = Int(segments[segment].holding)
            if vcpuOfHolding[holding] >= 0 { return .guest(Int(vcpuOfHolding[holding])) }
            let candidate = Int(hosts.candidateOf[holding])
            return candidate < 0 ? nil : ModeClocks.axis(of: timeline.demand.actors.hostEvents[candidate])
        }
        func mark(upTo event: UInt64) {
            while nextStart < starts.count || nextEnd < ends.count {
                let startEvent = nextStart < starts.count ? segments[starts[nextStart]].firstEvent : .max
                let endEvent = nextEnd < ends.count ? segments[ends[nextEnd]].event : .max
                guard min(startEvent, endEvent) < event else { return }
                if startEvent <= endEvent {
                    let segment = starts[nextStart]
                    if let axis = axis(segment) { from[segment] = clocks.now(axis, segments[segment].from) }
                    nextStart += 1
                } else {
                    let segment = ends[nextEnd]
                    if let axis = axis(segment) { to[segment] = clocks.now(axis, segments[segment].to) }
                    nextEnd += 1
                }
            }
        }
        for operation in timeline.demand.operations {
            if !operation.isBeforeTrace { mark(upTo: operation.source) }
            clocks.take(operation)
        }
        mark(upTo: .max)
        let virtual = virtualCounters(timeline, play)
        for segment in ends {
            guard let axis = axis(segment) else { continue }
            let holding = Int(segments[segment].holding)
            let source =
                vcpuOfHolding[holding] >= 0
                ? Int(virtual[holding] ?? reader.holdings[holding].counter.index) : Int(hosts.candidateOf[holding])
            let track = timeline.measurements.track(
                axis: axis, config: reader.holdings[holding].config, source: source,
                trust: reader.holdings[holding].handOver ? .mayHaveJumped : .counted)
            timeline.measurements.add(
                track: track, from: from[segment], to: to[segment], delta: segments[segment].delta)
        }
        timeline.measurements.finish()
    }

    /// The virtual counter behind each guest holding, by the holding's start.
    private func virtualCounters(_ timeline: Timeline, _ play: CoSimulation) -> [Int: UInt8] {
        var byStart: [UInt64: UInt8] = [:]
        for (number, owner) in play.owners.enumerated() where timeline.steps[number].kind == .start {
            if case .guest(_, let counter) = owner { byStart[timeline.steps[number].event] = counter.index }
        }
        var result: [Int: UInt8] = [:]
        for (index, holding) in reader.holdings.enumerated() {
            if holding.handOver {
                // A guest with the whole PMU has its own counters, several of which one record may show.
                result[index] = holding.counter.index
            } else if let counter = byStart[holding.begin.event] {
                result[index] = counter
            }
        }
        return result
    }
}
