import Trace

extension Recorder {
    /// Looks which CPUs are online and says what has changed. Where the source does not record a CPU that is back, its
    /// records count as lost from when it left.
    func followCPUs<Sink: TraceSink>(into sink: inout Sink) throws {
        guard onlineCPUs.hasChanged(), let online = try? CPUList.online() else { return }
        let now = MonotonicClock.now()
        let moment = "\((now - began) / 1_000_000) ms after the start"
        for change in cpuWatch.look(online, now: now) {
            switch change {
            case .left(let cpu):
                remarks.append("CPU \(cpu) went offline \(moment).")
            case .returned(let cpu, let since):
                guard !source.survivesOffline else {
                    remarks.append("CPU \(cpu) came back \(moment) and is recorded again.")
                    continue
                }
                remarks.append(
                    "CPU \(cpu) came back \(moment), but perf's events on it are gone: it is not recorded any more.")
                unrecorded.append((cpu, since))
            case .arrived(let cpu):
                guard options.cpus == nil else { continue }
                remarks.append("CPU \(cpu) came online \(moment); it was not there at the start and is not recorded.")
            }
        }
    }

    /// At the end: what CPUs did that were back and not recorded is missing, nobody knows how much.
    func reportUnrecordedCPUs<Sink: TraceSink>(into sink: inout Sink) throws {
        for (cpu, since) in unrecorded {
            try sink.append(
                LostRecords(
                    pcpu: UInt16(truncatingIfNeeded: cpu), kind: nil, count: nil, earliest: since,
                    latest: MonotonicClock.now()))
        }
    }
}
