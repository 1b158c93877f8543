import Trace

/// What a text says beside its rows, and what is said of it.
extension TextReader {
    /// perf script --header: `# os release : 6.18.44`.
    ///
    /// - Returns: whether it is one of perf's.
    func takeHeader(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let colon = text.find(" : ") else { return false }
        let key = text.slice(1..<colon).trimmed.string
        let value = text.slice(colon + 3..<text.count).trimmed.string
        switch key {
        case "hostname": collector.metadata.hostName = value
        case "os release": collector.metadata.kernel = value
        case "perf version": collector.metadata.tool = "perf \(value)"
        case "cmdline": collector.metadata.command = value.split(separator: " ").map(String.init)
        case "cpuid":
            let parts = value.split(separator: ",")
            if parts.count >= 4, let family = UInt32(parts[1]), let model = UInt32(parts[2]),
                let step = UInt32(parts[3])
            {
                collector.metadata.processor = .init(
                    vendor: String(parts[0]), family: family, model: model, stepping: step)
            }
        case "captured on": break
        default: return false
        }
        return true
    }

    /// `cpus=2`, with which `trace-cmd report` begins.
    func isCPUCount(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = TextCursor(text)
        return cursor.skip("cpus=") && cursor.decimal() != nil && cursor.isAtEnd
    }

    /// Whether a row of a histogram counts guest accesses or exits, and not whatever a number may stand before.
    func isHistogramOfOurs(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = TextCursor(text)
        guard cursor.decimal() != nil, cursor.skip(" ") else { return false }
        let name = text.slice(cursor.position..<text.count)
        return name.starts(with: "msr_write, ") || name.starts(with: "msr_read, ")
            || ExitReason.number(of: name.string) != nil
    }

    /// `PERF_RECORD_COMM exec: sh:310/312` and `PERF_RECORD_FORK(310:312):(310:310)` of perf script --show-task-events:
    /// process and thread, of the parent too (tools/perf/util/event.c, `perf_event__fprintf_comm`,
    /// `perf_event__fprintf_task`).
    func takeTaskRecord(_ text: UnsafeRawBufferPointer) {
        if let at = text.find("PERF_RECORD_FORK(") {
            var cursor = TextCursor(text, at: at + 17)
            guard let pid = cursor.signedDecimal(), cursor.skip(":"), let tid = cursor.signedDecimal(),
                cursor.skip("):("), let parentPID = cursor.signedDecimal(), cursor.skip(":"),
                let parent = cursor.signedDecimal(), cursor.skip(")")
            else { return }
            takeProcess(tid, pid)
            takeProcess(parent, parentPID)
        } else if let at = text.find("PERF_RECORD_COMM") {
            var cursor = TextCursor(text, at: at + 16)
            _ = cursor.skip(" exec")
            guard cursor.skip(": "), let colon = text.lastIndex(of: 0x3a), colon > cursor.position else { return }
            let comm = text.slice(cursor.position..<colon)
            cursor.position = colon + 1
            guard let pid = cursor.signedDecimal(), cursor.skip("/"), let tid = cursor.signedDecimal(), cursor.isAtEnd,
                comm.count <= 64, let thread = Int32(exactly: tid)
            else { return }
            takeProcess(tid, pid)
            collector.threads.name(thread, comm.string)
        }
    }

    private func takeProcess(_ tid: Int64, _ pid: Int64) {
        guard let tid = Int32(exactly: tid), let pid = Int32(exactly: pid) else { return }
        collector.threads.process(of: tid, is: pid)
    }

    /// `15822 msr_write, MSR_CORE_PERF_GLOBAL_CTRL` or `146820 EXTERNAL_INTERRUPT`
    func isHistogram(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = TextCursor(text)
        guard cursor.decimal() != nil, cursor.skip(" "), !cursor.isAtEnd else { return false }
        return text[cursor.position...].allSatisfy {
            $0.isDigit || $0 == 0x5f || $0 == 0x20 || $0 == 0x2c || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a)
        }
    }

    /// `ffffffff812a1b74 emulator_set_msr_with_filter+0x4 ([kernel.kallsyms])`
    func isCallChain(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = TextCursor(text)
        return cursor.hex() != nil && cursor.position >= 6 && cursor.skip(" ") && text.last == 0x29
    }

    /// What was made of the times of `perf script --deltatime`.
    func noteDifferences() {
        guard times.meaning == .differences else { return }
        let cut =
            times.isCut ? "; each was cut to microseconds, so that times are up to \(times.rows) us early" : ""
        collector.note(
            "times are differences to the row before (perf script --deltatime): added up from 0 on, when the recording began is not known\(cut)"
        )
        collector.metadata.clock = "perf, from 0"
    }

    /// Says what the text was, once it is read.
    func finish() {
        for cpu in pendingLoss.keys.sorted() {
            let last = lastTime[cpu] ?? 0
            collector.takeLost(
                LostRecords(pcpu: cpu, kind: nil, count: pendingLoss[cpu]!, earliest: last, latest: last))
        }
        let tracer =
            tracerOf.perf > tracerOf.ftrace
            ? "perf script" : isTraceCmd ? "trace-cmd report" : isFtrace ? "ftrace" : "ftrace or trace-cmd report"
        collector.form = "text (\(tracer))"
        if collector.threads.isComplete {
            collector.form = "text of vpmu"
        } else {
            collector.metadata.source = "import \(collector.form)"
            if collector.metadata.tool == "text" { collector.metadata.tool = tracer }
            if tracerOf.perf > tracerOf.ftrace { collector.metadata.clock = "perf" }
        }
        if rawTimes {
            collector.metadata.blindSpots.append("Times are counts of the recorder's clock, not nanoseconds.")
        }
        if withoutTime > 0 {
            collector.metadata.clock = "order"
            collector.note("\(withoutTime) rows have no time; they are numbered in the order of the text")
            collector.metadata.blindSpots.append("The text has no times: rows are numbered in their order.")
        }
        if withoutCPU > 0 {
            collector.note("\(withoutCPU) rows name no CPU and are shown on CPU 0")
            collector.metadata.blindSpots.append("The text names no CPUs: all records are shown on CPU 0.")
        }
        if withoutThread > 0 {
            collector.note("\(withoutThread) rows name no thread and are shown as the idle task's")
            collector.metadata.blindSpots.append(
                "The text names no threads: records cannot be attributed to a vCPU by thread.")
        }
        if unnamed > 0 {
            collector.note(
                "\(unnamed) rows name no event and were told by their text; kvm_nested_vmexit has that of kvm_exit")
        }
        noteDifferences()
        if backwards > 0 {
            collector.note(
                "times go back at \(backwards) rows: the text is not sorted or holds several recordings; rows were sorted by time"
            )
        }
    }
}
