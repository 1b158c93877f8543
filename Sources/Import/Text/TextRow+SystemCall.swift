extension TextRow {
    /// The row of a system call's entry in ftrace's own words, in which call and arguments stand in place of a
    /// tracepoint's name and text (`print_syscall_enter()`, kernel/trace/trace_syscalls.c, v6.12; with the option
    /// `verbose` each argument's type stands before its name):
    ///
    ///     perf-7  [001] .....  1.5: sys_perf_event_open(attr_uptr: 7ffd5a10, pid: 0, cpu: 3, group_fd: 4, flags: 8)
    ///
    /// - Returns: nil where `line` is no such row, or is of another call.
    static func systemCall(_ line: UnsafeRawBufferPointer) -> TextRow? {
        guard let start = line.find(" sys_perf_event_open(attr_uptr: ") ?? line.find(" sys_perf_event_open(struct ")
        else { return nil }
        let open = start + 20
        guard let close = line.findLast(")", before: line.count), close > open,
            var row = TextRow(context: line.slice(0..<start), body: line.slice(open + 1..<close)), row.time != nil
        else { return nil }
        row.event = line.slice(start + 1..<open)
        return row
    }
}
