import Trace

/// The description of a kernel's tracepoints that trace-cmd invented and perf took over.
///
/// trace-cmd.dat.v6(5), "HEADER INFO FORMAT" to "PROCESS INFORMATION"; perf stores the same behind its own version
/// string (0.5 without, 0.6 with the process information):
///
///     17 08 44 "tracing" version\0 endian long-size page-size
///     "header_page\0" size text   "header_event\0" size text
///     ftrace formats   systems with their formats   kallsyms   printk formats   process names
struct TracingData {
    var table = TracepointTable()
    var headerPage = PageLayout.standard
    /// Bytes of the traced kernel's page.
    var pageSize: UInt32 = 4096
    var version = ""
    /// The kernel's saved thread names.
    private(set) var threads: [(tid: Int32, comm: String)] = []
    /// As many threads as Linux has ids for (`PID_MAX_LIMIT`, include/linux/threads.h).
    private static let threadLimit = 1 << 22
    /// Why a tracepoint of ours cannot be decoded, one sentence each.
    var problems: [String] = []
    /// The kernel writes numbers of another byte order than x86.
    var isBigEndian = false
    private var longSize: UInt8 = 8

    static let textLimit: UInt64 = 16 << 20

    /// The beginning that both files share, up to the page size.
    ///
    /// - Throws: `ImportDamage`.
    mutating func readInitial(_ region: inout Region) throws {
        let start = region.position
        guard try region.expect("\u{17}\u{08}Dtracing") else {
            throw ImportDamage(offset: start, reason: "the tracepoint description does not begin with its magic")
        }
        guard let version = try region.zeroTerminated(limit: 32), let endian: UInt8 = try region.integer(),
            let longSize: UInt8 = try region.integer(), let pageSize: UInt32 = try region.integer()
        else { throw ImportDamage(offset: region.position, reason: "cut off in the tracepoint description's header") }
        self.version = version
        isBigEndian = endian != 0
        self.longSize = longSize
        self.pageSize = pageSize
    }

    /// `header_page` and `header_event`.
    mutating func readHeaderInfo(_ region: inout Region) throws {
        guard try region.expect("header_page\0"), let text = try sizedText(&region) else {
            throw ImportDamage(offset: region.position, reason: "no header_page where it belongs")
        }
        if let layout = PageLayout(headerPage: text) { headerPage = layout }
        guard try region.expect("header_event\0"), try sizedText(&region) != nil else {
            throw ImportDamage(offset: region.position, reason: "no header_event where it belongs")
        }
    }

    /// The formats of ftrace's own events.
    mutating func readFtraceFormats(_ region: inout Region) throws {
        guard let count: UInt32 = try region.integer() else { throw cut(region, "the ftrace formats") }
        for _ in 0..<count {
            guard let text = try sizedText(&region) else { throw cut(region, "the ftrace formats") }
            add(system: "ftrace", text)
        }
    }

    /// The formats of all systems.
    mutating func readEventFormats(_ region: inout Region) throws {
        guard let systems: UInt32 = try region.integer() else { throw cut(region, "the event formats") }
        for _ in 0..<systems {
            guard let system = try region.zeroTerminated(), let count: UInt32 = try region.integer() else {
                throw cut(region, "the event formats")
            }
            for _ in 0..<count {
                guard let text = try sizedText(&region) else { throw cut(region, "the formats of \(system)") }
                add(system: system, text)
            }
        }
    }

    /// Passes over kallsyms and the printk formats: a 32-bit size and the text, twice.
    mutating func skipSymbols(_ region: inout Region) throws {
        for what in ["the kernel symbols", "the printk formats"] {
            guard let size: UInt32 = try region.integer(), region.skip(UInt64(size)) else { throw cut(region, what) }
        }
    }

    /// The saved thread names: lines of `pid comm`.
    mutating func readProcessNames(_ region: inout Region) throws {
        guard let size: UInt64 = try region.integer(), size <= region.remaining else {
            throw cut(region, "the process names")
        }
        guard size <= Self.textLimit, let bytes = try region.bytes(Int(size)) else {
            _ = region.skip(size)
            return
        }
        takeProcessNames(bytes)
    }

    mutating func takeProcessNames(_ bytes: UnsafeRawBufferPointer) {
        for line in bytes.split(separator: 0x0a) where threads.count < Self.threadLimit {
            guard let space = line.firstIndex(of: 0x20),
                let tid = Int32(String(decoding: line[..<space], as: UTF8.self))
            else { continue }
            let comm = line[line.index(after: space)...].prefix { $0 != 0 }
            threads.append((tid, String(decoding: comm, as: UTF8.self)))
        }
    }

    private mutating func add(system: String, _ text: String) {
        if let problem = table.add(system: system, format: text), problems.count < 256 { problems.append(problem) }
    }

    private func sizedText(_ region: inout Region) throws -> String? {
        guard let size: UInt64 = try region.integer(), size <= Self.textLimit,
            let bytes = try region.bytes(Int(size))
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func cut(_ region: Region, _ what: String) -> ImportDamage {
        ImportDamage(offset: region.position, reason: "cut off in \(what)")
    }
}
