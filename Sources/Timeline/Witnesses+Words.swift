import Trace

extension Witnesses {
    /// Who may own events whose attributes the trace does not show; nil where no source tells.
    public var suspects: String? {
        var parts: [String] = []
        if !opens.isEmpty { parts.append("asked for by \(Self.list(callers.map { "\($0.name), \($0.calls)" }))") }
        if let holders {
            let list = holders.processes.map { "\($0.comm) (\($0.pid)), \($0.events)" }
            parts.append("held at the start by \(list.isEmpty ? "nobody seen" : Self.list(list))")
            if holders.unseen > 0 { parts.append("\(holders.unseen) process(es) not looked at") }
        }
        return parts.isEmpty ? nil : "events " + parts.joined(separator: "; ")
    }

    /// What the sources tell, a sentence each; empty where the trace has none of them.
    ///
    /// - Parameter overflows: how often counters of the vCPU that a thread runs ran over, as the counters' traffic
    ///   shows; nil where it does not.
    public func sentences(overflows: (Int32) -> Int? = { _ in nil }) -> [String] {
        var lines = callers.map { caller in
            "\(caller.name) called perf_event_open \(caller.calls) time(s), \(caller.systemWide) of them for every thread of a "
                + "CPU; which events, and whether they leave guests out, no record shows."
        }
        if moreOpens > 0 { lines.append("\(moreOpens) further calls of perf_event_open are not listed.") }
        if let holders {
            for holder in holders.processes {
                lines.append("\(holder.comm) (\(holder.pid)) held \(holder.events) perf event(s) at the start.")
            }
            let unseen =
                holders.unseen == 0 ? "" : "; \(holders.unseen) process(es) could not be looked at"
            lines.append("\(holders.processes.count) process(es) held perf events at the start\(unseen).")
        }
        for delivery in deliveries where delivery.vcpu != nil && !delivery.nmis.isEmpty {
            let ran = overflows(delivery.thread).map { "; its counters were seen to run over \($0) time(s)" } ?? ""
            lines.append(
                "vCPU \(delivery.apic) of thread \(delivery.thread) was given \(delivery.nmis.count) NMI(s) by its own "
                    + "thread, as counters' interrupts are where the guest asks for NMIs (Linux does)\(ran).")
        }
        for delivery in deliveries where delivery.vcpu != nil && !delivery.vectors.isEmpty {
            let most = delivery.vectors.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            let list = most.map { "0x" + String($0.key, radix: 16) + ", \($0.value)" }
            lines.append(
                "vCPU \(delivery.apic) of thread \(delivery.thread) was given other interrupts by its own thread (vector, "
                    + "times): \(Self.list(list)). Whether its counters' is one of them the guest decides, and no record "
                    + "shows.")
        }
        return lines
    }

    private struct Caller {
        var name: String
        var calls = 0
        var systemWide = 0
    }

    /// Calls by thread, in the order of the first.
    private var callers: [Caller] {
        var places: [Int32: Int] = [:]
        var callers: [Caller] = []
        for open in opens {
            let place = places[open.thread] ?? callers.count
            if place == callers.count {
                places[open.thread] = place
                callers.append(Caller(name: open.comm.map { "\($0) (\(open.thread))" } ?? "thread \(open.thread)"))
            }
            callers[place].calls += 1
            if open.target == -1 { callers[place].systemWide += 1 }
        }
        return callers
    }

    private static let longestList = 8

    private static func list(_ items: [String]) -> String {
        let shown = items.prefix(longestList).joined(separator: "; ")
        return items.count > longestList ? shown + "; and \(items.count - longestList) more" : shown
    }
}

extension Timeline {
    /// What optional sources tell, a sentence each.
    public var testimony: [String] {
        guard showsTraffic else { return witnesses.sentences() }
        return witnesses.sentences { overflowsOfThread[$0] ?? 0 }
    }
}
