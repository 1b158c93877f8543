/// Rewrites a trace without what identifies its host and guests.
///
/// Removed or renamed: host name, wall clock, command line, names of VMs and threads, process and thread ids
/// (renumbered, the same everywhere), instruction pointers, exit information, and values of registers outside the PMUs
/// (they hold addresses). What it cannot hide: which events were counted, the counts, and when (`remains`).
public struct TraceScrub: Sendable {
    public private(set) var events: UInt64 = 0
    /// Threads that were given a new number, and names that were given a new one.
    public private(set) var threads = 0
    public private(set) var names = 0

    /// What a scrubbed trace still shows, one sentence each.
    public static let remains = [
        "Event codes, counter values and periods remain: they show what was measured.",
        "Times remain: they show when threads ran, and how much.",
        "The processor model, topology, kernel version and kvm parameters remain: replay needs them.",
    ]

    /// Reads `input` whole and writes `output`. Throws at the first damage: salvage comes before.
    public init(from input: String, to output: String, existing: ExistingFile = .refuse) throws {
        let reader = try TraceReader(path: input)
        if let piece = reader.damage.first {
            throw TraceError.damaged(path: reader.path, offset: piece.range.lowerBound, reason: piece.reason)
        }
        var numbers = Renumbering()
        var newNames = Renaming()
        let renamed = reader.comms.map { newNames[$0] }
        var options = TraceWriter.Options(existing: existing)
        options.blockSpan = nil
        let writer = try TraceWriter(
            path: output, metadata: Self.metadata(reader.metadata, comms: reader.comms, &numbers, &newNames),
            options: options)
        var isDone = false
        defer { if !isDone { writer.discard() } }
        writer.adopt(comms: renamed)
        let columns = BlockColumns()
        for block in reader.blocks {
            try reader.decode(block, into: columns)
            try withExtendedLifetime(columns) {
                var cursor = BlockCursor(columns)
                while !cursor.isAtEnd { try writer.append(Self.scrub(cursor.next(), &numbers)) }
            }
        }
        for record in reader.lost { try writer.append(record) }
        try writer.finish()
        isDone = true
        events = writer.eventCount
        threads = numbers.count
        names = renamed.count
    }

    private static func scrub(_ event: TraceEvent, _ numbers: inout Renumbering) -> TraceEvent {
        var event = event
        event.pid = numbers[event.pid]
        switch event.kind {
        case .kvmEntry: event.value = 0
        case .kvmExit:
            event.value = 0
            event.value2 = 0
            event.value3 = 0
        case .kvmMSR, .writeMSR, .readMSR: if !PMURegisters.holdsNoAddress(event.register) { event.value = 0 }
        case .rdpmc: break
        case .schedSwitch: event.a = UInt32(bitPattern: numbers[event.nextPID])
        case .processFork, .processExit: event.a = UInt32(bitPattern: numbers[event.subjectPID])
        case .perfEventOpen:
            // -1 is every thread; with this flag it is no thread but a descriptor.
            if event.openTarget > 0, event.value & perfFlagPIDCgroup == 0 {
                event.a = UInt32(bitPattern: numbers[event.openTarget])
            }
        case .acceptIRQ: break
        }
        return event
    }

    /// PERF_FLAG_PID_CGROUP, include/uapi/linux/perf_event.h.
    private static let perfFlagPIDCgroup: UInt64 = 4

    private static func metadata(
        _ original: TraceMetadata, comms: [String], _ numbers: inout Renumbering, _ newNames: inout Renaming
    ) -> TraceMetadata {
        var scrubbed = original
        scrubbed.hostName = nil
        scrubbed.wallClockStart = nil
        scrubbed.command = []
        var vms: [String: String] = [:]
        var words: [(String, String)] = comms.map { ($0, "a thread") }
        if let host = original.hostName { words.append((host, "the host")) }
        scrubbed.threads = original.threads.map { thread in
            var thread = thread
            if let vm = thread.vm {
                if vms[vm] == nil {
                    vms[vm] = "vm\(vms.count + 1)"
                    words.append((vm, vms[vm]!))
                }
                thread.vm = vms[vm]
            }
            words.append((thread.comm, "a thread"))
            words.append(("\(thread.tid)", "a thread"))
            if let pid = thread.pid { words.append(("\(pid)", "a process")) }
            thread.vcpu = thread.vcpu ?? ThreadAttribution.vcpuIndex(ofThreadNamed: thread.comm)
            thread.comm = newNames[thread.comm]
            thread.tid = numbers[thread.tid]
            thread.pid = thread.pid.map { numbers[$0] }
            return thread
        }
        scrubbed.perfEventHolders?.processes = (original.perfEventHolders?.processes ?? []).map { holder in
            words.append((holder.comm, "a process"))
            words.append(("\(holder.pid)", "a process"))
            return .init(pid: numbers[holder.pid], comm: newNames[holder.comm], events: holder.events)
        }
        // Sentences that a recorder wrote may name what was just renamed.
        scrubbed.blindSpots = original.blindSpots.map { SentenceScrub.replace(words, in: $0) }
        scrubbed.filters = original.filters.filter { !$0.value.contains("pid") && !$0.value.contains("comm") }
        return scrubbed
    }
}

/// New names for threads, the same for the same. That a thread is a vCPU, and which, stays: who is who rests on it.
private struct Renaming {
    private var names: [String: String] = [:]

    subscript(_ comm: String) -> String {
        mutating get {
            if comm.isEmpty { return comm }
            if let name = names[comm] { return name }
            let name = ThreadAttribution.vcpuIndex(ofThreadNamed: comm).map { "vcpu\($0)" } ?? "thread\(names.count)"
            names[comm] = name
            return name
        }
    }
}

/// New numbers for thread ids, by first appearance; the idle task keeps its 0.
private struct Renumbering {
    private var numbers: [Int32: Int32] = [0: 0]

    var count: Int { numbers.count - 1 }

    subscript(_ pid: Int32) -> Int32 {
        mutating get {
            if let number = numbers[pid] { return number }
            let number = Int32(numbers.count)
            numbers[pid] = number
            return number
        }
    }
}

enum SentenceScrub {
    /// Replaces each whole word or phrase of `words` in `sentence`, longest first.
    static func replace(_ words: [(String, String)], in sentence: String) -> String {
        var out = sentence
        for (word, replacement) in words.sorted(by: { ($1.0.utf8.count, $0.0) < ($0.0.utf8.count, $1.0) })
        where !word.isEmpty {
            var result = ""
            var rest = out[...]
            while let found = rest.firstRange(of: word) {
                let before = rest[..<found.lowerBound].last
                let behind = rest[found.upperBound...].first
                let isWhole =
                    before.map { $0.isLetter || $0.isNumber } != true
                    && behind.map { $0.isLetter || $0.isNumber } != true
                result += rest[..<found.lowerBound]
                result += isWhole ? replacement : word
                rest = rest[found.upperBound...]
            }
            out = result + rest
        }
        return out
    }
}
