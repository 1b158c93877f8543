import CLinux
import Glibc
import Trace

extension Recorder {
    /// Records until the duration is over, the command has ended, SIGINT, SIGTERM or SIGHUP arrives, a control command
    /// or `tick` says so.
    ///
    /// - Parameter tick: called every `options.tickNanoseconds` and after each snapshot, between events; decides
    ///   whether to go on. What it throws ends the recording as a failing sink does.
    /// - Throws: `CaptureError` when the kernel or the command fails; a failing sink ends the recording in order and is
    ///   told in the summary.
    public func run<Sink: TraceSink>(
        into sink: inout Sink, tick: (RecordingProgress) throws -> RecordingDecision = { _ in .goOn }
    ) throws -> RecordingSummary {
        // A flight recorder's rings are left alone until somebody asks for what they hold.
        let polled = options.mode == .continuous ? source.descriptors : []
        let waiter = try RecordingWaiter(
            descriptors: polled, tickNanoseconds: options.tickNanoseconds, duration: options.duration)
        let control = try options.control.map { try RecordingControl($0) }
        if let control { try waiter.watch(control) }
        began = MonotonicClock.now()
        costs = RecorderCost.Meter()
        if options.startsPaused { pausedSince = 0 } else { try source.start() }
        var child = try options.command.isEmpty ? nil : Child(options.command)
        if let child { try waiter.watch(child) }
        var end: RecordingSummary.End?
        do {
            while end == nil {
                for wake in try waiter.wait() {
                    switch wake {
                    case .ring(let index):
                        records += UInt64(try source.drain(ring: index, into: &sink))
                    case .ringGone: break
                    case .tick:
                        if options.mode == .continuous { try drainAll(into: &sink) }
                        try follow()
                        try followCPUs(into: &sink)
                        try audit(into: &sink)
                        if try tick(progress(.tick)) == .stop { end = end ?? .caller }
                        if try isOverBudget() { end = end ?? .overhead }
                    case .control:
                        for command in control?.commands() ?? [] {
                            if try obey(command, into: &sink, tick: tick) == .stop { end = end ?? .control }
                            control?.acknowledge(command)
                        }
                    case .durationOver: end = end ?? .duration
                    case .signal(SIGUSR1): try snapshot(into: &sink, tick: tick)
                    case .signal(let number): end = end ?? .signal(number)
                    case .childEnded:
                        let code = try child?.wait() ?? 0
                        child = nil
                        end = end ?? .command(code: code)
                    }
                }
                costs.wakeUps += 1
            }
        } catch let error as CaptureError {
            try? child?.terminate()
            throw error
        } catch {
            end = .sinkFailed("\(error)")
        }
        try child?.terminate()
        try source.stop()
        return try summary(end: end ?? .duration, into: &sink)
    }

    private func summary<Sink: TraceSink>(
        end: RecordingSummary.End, into sink: inout Sink
    ) throws -> RecordingSummary {
        var summary = RecordingSummary(
            end: end, rings: [], durationNanoseconds: MonotonicClock.now() - began, threads: [], remarks: [])
        do {
            summary.rings = try newest(into: &sink) { recorder, sink in
                try recorder.drainAll(into: &sink)
                try recorder.follow()
                try recorder.followCPUs(into: &sink)
                try recorder.reportUnrecordedCPUs(into: &sink)
                return try recorder.source.finish(into: &sink)
            }
        } catch let error where !(error is CaptureError) {
            if case .sinkFailed = end {} else { summary.end = .sinkFailed("\(error)") }
        }
        if options.exits != .none, summary.read(.kvmMSR) > 0, summary.read(.kvmEntry) == 0, summary.read(.kvmExit) == 0
        {
            remarks.append(
                "kvm_entry and kvm_exit never fired although guests reached registers: this KVM runs its guests without "
                    + "hardware support (nested), so vCPUs are known by their threads' names only.")
        }
        if pauses > 0 { remarks.append("Paused \(pauses) time(s); nothing was recorded meanwhile.") }
        if end == .overhead { remarks.append("Stopped: the recorder needed more than --max-overhead allows.") }
        summary.threads = threads.all
        summary.remarks = remarks + spanRemarks
        summary.cost = costs.cost
        summary.mode = options.mode
        return summary
    }

    /// Every few seconds: the kernel interrupts each CPU to tell its counts.
    private func audit<Sink: TraceSink>(into sink: inout Sink) throws {
        let now = MonotonicClock.now()
        guard options.mode == .continuous, now - max(audited, began) >= Self.auditIntervalNanoseconds else { return }
        audited = now
        try source.audit(into: &sink)
    }

    private static let auditIntervalNanoseconds: UInt64 = 5_000_000_000

    private func drainAll<Sink: TraceSink>(into sink: inout Sink) throws {
        for index in source.cpus.indices { records += UInt64(try source.drain(ring: index, into: &sink)) }
    }

    /// Hands on everything that the rings hold now.
    private func snapshot<Sink: TraceSink>(
        into sink: inout Sink, tick: (RecordingProgress) throws -> RecordingDecision
    ) throws {
        try newest(into: &sink) { recorder, sink in
            try recorder.drainAll(into: &sink)
            try recorder.source.handOn(into: &sink)
        }
        _ = try tick(progress(.snapshot))
    }

    /// Lets through what `options.mode` asks a flight recorder for; everything in the other modes.
    private func newest<Sink: TraceSink, Result>(
        into sink: inout Sink, _ body: (Recorder, inout NewestRecords<Sink>) throws -> Result
    ) throws -> Result {
        let now = MonotonicClock.now()
        var span: UInt64?
        if case .flightRecorder(let last) = options.mode { span = last }
        var newest = NewestRecords(sink, since: span.map { now - min(now, $0) } ?? 0)
        defer {
            sink = newest.sink
            tooOld += newest.leftOut
            for (pcpu, latest) in newest.missing where span != nil { shortOf[pcpu] = now - min(now, latest) }
        }
        return try body(self, &newest)
    }

    /// What a flight recorder that was asked for its last seconds has to say of them.
    private var spanRemarks: [String] {
        guard case .flightRecorder(let last?) = options.mode else { return [] }
        let seconds = Self.seconds(last)
        let short = shortOf.sorted { $0.key < $1.key }.map {
            "The ring of CPU \($0.key) reached back \(Self.seconds($0.value)) s, not the \(seconds) s of --last; a larger --buffer "
                + "reaches further."
        }
        return [
            "Flight recorder: of each snapshot the last \(seconds) s were kept, \(tooOld) older record(s) left out."
        ] + short
    }

    private static func seconds(_ nanoseconds: UInt64) -> String {
        let tenths = (nanoseconds + 50_000_000) / 100_000_000
        return "\(tenths / 10).\(tenths % 10)"
    }

    private func progress(_ reason: RecordingProgress.Reason) -> RecordingProgress {
        RecordingProgress(
            reason: reason, elapsedNanoseconds: MonotonicClock.now() - began, records: records, threads: threads.all,
            remarks: remarks + spanRemarks, cost: costs.cost)
    }

    private func obey<Sink: TraceSink>(
        _ command: RecordingControl.Command, into sink: inout Sink,
        tick: (RecordingProgress) throws -> RecordingDecision
    ) throws -> RecordingDecision {
        switch command {
        case .resume: try resume(into: &sink)
        case .pause: try pause(into: &sink)
        case .snapshot: try snapshot(into: &sink, tick: tick)
        case .stop: return .stop
        case .ping, .unknown: break
        }
        return .goOn
    }

    private func pause<Sink: TraceSink>(into sink: inout Sink) throws {
        guard pausedSince == nil else { return }
        try source.stop()
        pausedSince = MonotonicClock.now()
        pauses += 1
        try drainAll(into: &sink)
    }

    private func resume<Sink: TraceSink>(into sink: inout Sink) throws {
        guard let since = pausedSince else { return }
        pausedSince = nil
        try source.start()
        // 0: it had not begun yet, and nothing is missing.
        guard since > 0 else { return }
        let now = MonotonicClock.now()
        for cpu in source.cpus {
            try sink.append(
                LostRecords(
                    pcpu: UInt16(truncatingIfNeeded: cpu), kind: nil, count: nil, earliest: since, latest: now))
        }
    }

    /// Identifies guests that turned up, and new threads of the chosen processes.
    private func follow() throws {
        threads.identify(source.guestThreads)
        try source.followProcesses()
    }

    /// Looks at the recorder's own use of the CPU about once a second. Over the limit it first gives up entries and
    /// exits, where they are recorded, and the second time the recording.
    private func isOverBudget() throws -> Bool {
        guard let limit = options.mostOverheadPercent, let used = costs.percentOfLastSecond(), used > limit else {
            return false
        }
        guard options.exits != .none, !gaveUpExits else { return true }
        gaveUpExits = true
        try source.stop([.kvmEntry, .kvmExit])
        remarks.append(
            "kvm_entry and kvm_exit were given up \((MonotonicClock.now() - began) / 1_000_000) ms after the start: the recorder "
                + "used \(Int(used)) % of a CPU, and --max-overhead allows \(Int(limit)) %.")
        return false
    }
}
