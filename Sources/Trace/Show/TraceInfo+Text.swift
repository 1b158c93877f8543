extension TraceInfo {
    /// The same for people.
    public func text() -> String {
        var out = ""
        func line(_ label: String, _ value: String) {
            out += label + String(repeating: " ", count: max(1, 14 - label.count)) + value + "\n"
        }
        line("file", "\(path), \(size) bytes, \(blocks) blocks, \(state)")
        line("made by", "\(metadata.tool) (\(metadata.source))")
        if let kernel = metadata.kernel { line("kernel", kernel) }
        if let host = metadata.hostName { line("host", host) }
        if let processor = metadata.processor {
            line(
                "processor", processor.name ?? "\(processor.vendor) family \(processor.family) model \(processor.model)"
            )
        }
        line("clock", metadata.clock)
        if let timeRange {
            let span = timeRange.upperBound - timeRange.lowerBound
            line(
                "time",
                "\(DumpLine.seconds(timeRange.lowerBound)) to \(DumpLine.seconds(timeRange.upperBound)), "
                    + "\(DumpLine.seconds(span)) s")
        }
        line("pCPUs", pcpus.isEmpty ? "none" : Self.ranges(pcpus))
        line("records", "\(records.values.reduce(0, &+))")
        for kind in EventKind.allCases where !kind.isOptional || records[kind] ?? 0 > 0 {
            line("  \(kind.tracepoint)", "\(records[kind] ?? 0)")
        }
        line("lost", lostText)
        for (pcpu, count) in lost.byCPU.sorted(by: { $0.key < $1.key }) { line("  pCPU \(pcpu)", "\(count)") }
        if let cost = metadata.recorder {
            let (microseconds, tenths) = (cost.cpuNanoseconds / 1000, cost.cpuNanoseconds / 100_000)
            let time = microseconds < 1000 ? "\(microseconds) us" : "\(tenths / 10).\(tenths % 10) ms"
            line("recorder", "\(time) of CPU time, \(cost.wakeUps) wake-ups, \(cost.bytes) bytes written")
        }
        if !vcpus.isEmpty { out += "vCPUs\n" }
        for vcpu in vcpus {
            let vm = vcpu.vm ?? vcpu.process.map { "process \($0)" } ?? "VM unknown"
            line(
                "  \(vcpu.vcpu)", "\(vm), thread \(vcpu.thread), \(vcpu.accesses) accesses (by \(vcpu.source.text))")
        }
        if unattributed > 0 {
            let threads = unattributedThreads.prefix(20).map { "\($0)" }.joined(separator: ", ")
            let more = unattributedThreads.count > 20 ? ", ..." : ""
            line("unattributed", "\(unattributed) accesses of threads \(threads)\(more)")
        }
        if !accesses.isEmpty { out += "guest accesses\n" }
        for access in accesses {
            let fault = access.exception ? " #GP" : ""
            line("  \(hex(access.register))", "\(access.direction.rawValue)\(fault) \(access.count)")
        }
        if isCapped { out += "  and more: there are too many different ones to count each\n" }
        if let holders = metadata.perfEventHolders {
            out += "perf events held at the start\n"
            for holder in holders.processes { line("  \(holder.pid)", "\(holder.comm), \(holder.events)") }
            let unseen = holders.unseen == 0 ? "" : "; \(holders.unseen) process(es) could not be looked at"
            line("  in all", "\(holders.processes.reduce(0) { $0 + $1.events }) by user space\(unseen)")
        }
        for spot in metadata.blindSpots { line("blind spot", spot) }
        for piece in damage { line("damaged", "offset \(piece.range.lowerBound): \(piece.reason)") }
        return out
    }

    private var state: String {
        if isComplete { return "complete" }
        guard let tail = unfinishedTail else { return "unfinished" }
        return "unfinished (offset \(tail.range.lowerBound): \(tail.reason))"
    }

    private var lostText: String {
        let known: String
        switch lost.granularity {
        case .ring: known = "known per ring"
        case .tracepoint: known = "known per tracepoint"
        case .unknown: known = "the source does not tell of loss"
        }
        return "\(lost.isLowerBound ? "at least " : "")\(lost.total) (\(known))"
    }

    private static func ranges(_ numbers: [UInt16]) -> String {
        var ranges: [ClosedRange<UInt16>] = []
        for number in numbers {
            if let last = ranges.last, last.upperBound < .max, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }

    private func hex(_ register: UInt32) -> String { "0x" + String(register, radix: 16) }
}

extension ThreadAttribution.Source {
    var text: String {
        switch self {
        case .transitions: "kvm_entry and kvm_exit"
        case .recorder: "what the recorder knew"
        case .threadName: "its thread's name"
        }
    }
}
