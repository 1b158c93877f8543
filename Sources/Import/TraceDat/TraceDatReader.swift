import Trace

/// Reads trace.dat of versions 6 and 7.
///
///     v6:  initial │ formats │ CPUs │ options │ table of (offset, size) per CPU │ pages per CPU
///     v7:  initial │ compression │ sections: options (a chain), formats, names, pages, each maybe compressed
///
/// Each CPU of each buffer (the top one and the instances) is a stream of ring buffer pages; those of one CPU are
/// merged by time.
final class TraceDatReader {
    let file: ImportInput
    let collector: ImportCollector
    var tracing = TracingData()
    var buffers: [TraceDatBuffer] = []
    /// v7: where the sections of pages are that the options describe.
    var describedSections: Set<UInt64> = []
    /// v7: where the sections of formats and names are that were read.
    var descriptionsRead: Set<UInt64> = []
    /// v7: where the last options that could be read end.
    var optionsEnd: UInt64 = 0
    var clock = TraceDatClock()
    var clockName: String?
    /// v7: pages are compressed in chunks.
    var compression = Compression.none
    /// The text of a latency tracer instead of pages: where it is.
    var textAt: UInt64?
    /// `per_cpu/cpuN/stats` of each CPU of each buffer.
    var cpuStats: [String] = []
    var others: [UInt64] = []
    var unknownTypes: UInt64 = 0
    var lostCounted: UInt64 = 0

    enum Compression: Equatable {
        case none
        case zstd
        case other(String)
    }

    init(_ file: ImportInput, into collector: ImportCollector) {
        self.file = file
        self.collector = collector
    }

    /// - Throws: `ImportError.damagedHeader` where not even the tracepoints are described.
    func read() throws {
        collector.metadata.tool = "trace-cmd"
        var region = Region(file, from: 0, to: file.size)
        do {
            try tracing.readInitial(&region)
        } catch let damage as ImportDamage {
            throw ImportError.damagedHeader(path: file.name, damage: damage)
        }
        guard !tracing.isBigEndian else {
            throw ImportError.unsupported(
                path: file.name, reason: "trace.dat of a big-endian machine; there is no x86 PMU in it")
        }
        do {
            switch tracing.version {
            case "7": try readSections(&region)
            case "6": try readSequential(&region)
            default:
                throw ImportError.unsupported(
                    path: file.name, reason: "trace.dat of version \(tracing.version); versions 6 and 7 are known")
            }
        } catch let damage as ImportDamage {
            if tracing.table.isEmpty { throw ImportError.damagedHeader(path: file.name, damage: damage) }
            collector.noteDamage(damage)
        }
        describe()
        others = [UInt64](repeating: 0, count: tracing.table.count)
        try readBuffers()
        if let textAt {
            collector.note("a latency tracer's text is in the file; it was read as text")
            try TextReader(file, into: collector, from: textAt).read()
        }
        finish()
    }

    private func describe() {
        let way = tracing.version == "7" ? "version 7" : "version 6"
        let packed: String
        switch compression {
        case .none: packed = ""
        case .zstd: packed = ", zstd"
        case .other(let name): packed = ", \(name)"
        }
        collector.form = "trace.dat (\(way)\(packed))"
        collector.metadata.source = "import \(collector.form)"
        let name = clockName ?? buffers.lazy.compactMap(\.clock).first ?? "local"
        collector.metadata.clock = TraceDatClock.metadataName(name)
        if name == "x86-tsc", clock.multiplier == 0 {
            collector.metadata.blindSpots.append(
                "Times are TSC cycles, not nanoseconds: the recording does not say how fast the TSC runs.")
        }
        if name == "counter" || name == "uptime" {
            collector.metadata.blindSpots.append("Times are units of ftrace's clock '\(name)', not nanoseconds.")
        }
        let clocks = Set(buffers.compactMap(\.clock)).sorted()
        if clocks.count > 1 {
            collector.note("the buffers ran on different clocks: \(clocks.joined(separator: ", "))")
        }
        collector.metadata.formats = tracing.table.formats
        // The processes of these threads are not in the file, unless an option says so.
        for thread in tracing.threads { collector.threads.name(thread.tid, thread.comm) }
        let names = buffers.map(\.name).filter { !$0.isEmpty }
        if !names.isEmpty { collector.note("instances: " + names.joined(separator: ", ")) }
        for problem in tracing.problems { collector.note(problem) }
    }

    private func finish() {
        for (index, count) in others.enumerated() where count > 0 {
            collector.countOther(tracing.table[index].name, count)
        }
        if unknownTypes > 0 {
            collector.countNotUnderstood("records of tracepoints that the file does not describe", unknownTypes)
        }
    }

    // MARK: Options of both versions

    /// Takes one option's data.
    func take(option: UInt16, _ data: UnsafeRawBufferPointer, at offset: UInt64) {
        var reader = ByteReader(data)
        switch option {
        case TraceDatNumber.clock: clockName = TraceDatClock.selected(data.text)
        case TraceDatNumber.uname: takeUname(data.text)
        case TraceDatNumber.version: collector.metadata.tool = "trace-cmd \(data.text)"
        case TraceDatNumber.cpuStat: if cpuStats.count < 1 << 16 { cpuStats.append(data.text) }
        case TraceDatNumber.offset:
            if let value = Int64(data.text.prefix { $0 != "\n" }) { clock.offset = value }
        case TraceDatNumber.tscToNanoseconds:
            if let multiplier: UInt32 = reader.integer(), let shift: UInt32 = reader.integer(), shift < 64 {
                clock.multiplier = multiplier
                clock.shift = shift
            }
        case TraceDatNumber.guest: takeGuest(&reader)
        case TraceDatNumber.savedProcesses: takeProcesses(data)
        case TraceDatNumber.cpuCount where data.count > 8: takeProcesses(data)
        default: break
        }
    }

    /// A guest whose recording was made beside this one (`trace-cmd record -A`, tracecmd/trace-tsync.c): its name, the
    /// number of its recording, and the thread of each vCPU; -1 for one that was reached by network.
    private func takeGuest(_ reader: inout ByteReader) {
        guard let name = reader.zeroTerminated(), reader.skip(8), let count: UInt32 = reader.integer() else { return }
        for _ in 0..<count {
            guard let vcpu: UInt32 = reader.integer(), let tid: Int32 = reader.integer() else { return }
            if tid > 0, vcpu <= UInt32(UInt16.max), !name.isEmpty {
                collector.threads.vcpu(of: tid, is: Int(vcpu), ofVM: name)
            }
        }
    }

    /// Lines of `tid pid`, as the kernel's `saved_tgids` has them.
    private func takeProcesses(_ data: UnsafeRawBufferPointer) {
        for line in data.split(separator: 0x0a) {
            let words = line.prefix { $0 != 0 }.split(separator: 0x20)
            guard words.count == 2, let tid = Int32(String(decoding: words[0], as: UTF8.self)),
                let pid = Int32(String(decoding: words[1], as: UTF8.self))
            else { continue }
            collector.threads.process(of: tid, is: pid)
        }
    }

    /// `Linux host 6.18.44 #1 SMP ... x86_64`
    private func takeUname(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count >= 3 else { return }
        collector.metadata.hostName = String(words[1])
        collector.metadata.kernel = String(words[2])
    }
}
