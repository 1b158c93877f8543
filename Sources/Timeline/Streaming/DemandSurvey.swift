import PMU
import Trace

/// What must be known of the whole trace before the first operation of its demand can be made: who acts for a guest, and
/// how guests are seen.
///
/// A trace without task switches has all of it in its summary; of another every event is looked at once. Nothing is kept of
/// events: memory grows with the number of threads alone.
struct DemandSurvey {
    private(set) var attribution: ThreadAttribution
    /// Threads that act for guests.
    private(set) var acting: Set<Int32> = []
    /// Threads that were switched to, in the order of their first arrival.
    private(set) var arriving: [Int32] = []
    /// First time in merged order and last time, ns.
    private(set) var start: UInt64
    private(set) var end: UInt64
    private(set) var showsEntries = false
    /// Whether some guest is seen to write IA32_PERF_GLOBAL_CTRL.
    private(set) var writesGlobalControl = false

    /// nil for a trace of which this cannot be said without its host's register accesses, or whose threads change what they are.
    init?(_ reader: TraceReader, summary: TraceSummary, registers: PMURegisters) throws {
        let hostKinds: [EventKind] = [.writeMSR, .readMSR, .rdpmc]
        guard hostKinds.allSatisfy({ summary.records($0) == 0 }), let range = reader.timeRange else { return nil }
        // Where times go back, an operation's time depends on later ones.
        if reader.blocks.contains(where: \.isDisordered) { return nil }
        attribution = ThreadAttribution(threads: reader.metadata.threads, comms: reader.comms)
        (start, end) = (range.lowerBound, range.upperBound)
        let isSummed =
            summary.records(.schedSwitch) == 0 && !summary.isCapped
            && summary.accesses.keys.allSatisfy { registers.contains($0.register) }
            && summary.threads.values.allSatisfy { $0.vcpus.map { $0.lowerBound == $0.upperBound } ?? true }
        if isSummed { sum(summary) } else { try look(reader, registers) }
        guard attribution.isConstant else { return nil }
    }

    private mutating func sum(_ summary: TraceSummary) {
        for (thread, use) in summary.threads.sorted(by: { $0.key < $1.key }) {
            acting.insert(thread)
            if let vcpu = use.vcpus?.lowerBound {
                attribution.observe(.kvmEntry(time: start, pcpu: 0, pid: thread, vcpu: vcpu))
                showsEntries = true
            } else {
                attribution.observe(.kvmMSR(time: start, pcpu: 0, pid: thread, write: false, register: 0, data: 0))
            }
        }
        let write = TraceSummary.Access(register: MSR.globalControl, write: true, exception: false)
        writesGlobalControl = summary.accesses[write] != nil
    }

    private mutating func look(_ reader: TraceReader, _ registers: PMURegisters) throws {
        var walk = try reader.walk()
        var isFirst = true
        var arrived: Set<Int32> = []
        // Threads whose next access says nothing new: nobody ended since they were last looked at.
        var settled = ContiguousArray<Int32>(repeating: 0, count: 1024)
        while try walk.advance() {
            var cursor = walk.cursor
            let end = walk.end
            defer { walk.cursor = cursor }
            while cursor.index < end {
                let event = cursor.next()
                if isFirst {
                    start = event.time
                    isFirst = false
                }
                let slot = Int(truncatingIfNeeded: event.pid) & 1023
                switch event.kind {
                case .kvmMSR:
                    if event.register == MSR.globalControl, event.isWrite, !event.raisedException {
                        writesGlobalControl = true
                    }
                    if settled[slot] == event.pid { continue }
                    attribution.observe(event)
                    guard registers.contains(event.register) else { continue }
                    acting.insert(event.pid)
                    settled[slot] = event.pid
                case .kvmEntry, .kvmExit:
                    attribution.observe(event)
                    acting.insert(event.pid)
                    showsEntries = true
                case .schedSwitch:
                    attribution.observe(event)
                    if event.nextPID != 0, arrived.insert(event.nextPID).inserted { arriving.append(event.nextPID) }
                    // The thread is gone (`ThreadAttribution`): the next access of its id is somebody else's.
                    if event.value & 0x30 != 0 { settled[slot] = 0 }
                case .writeMSR, .readMSR, .rdpmc: break
                }
            }
        }
    }
}

/// The registers whose accesses are demand, as a set that is cheap to ask.
struct PMURegisters: Sendable {
    private let low: [Bool]
    private let high: [Bool]
    private let flavour: Flavour

    private static let highBase: UInt32 = 0xc001_0000

    init(_ flavour: Flavour) {
        self.flavour = flavour
        low = (0..<8192).map { PMURegisters.isPMU($0, flavour) }
        high = (0..<4096).map { PMURegisters.isPMU(PMURegisters.highBase + $0, flavour) }
    }

    @inline(__always)
    func contains(_ register: UInt32) -> Bool {
        if register < 8192 { return low[Int(register)] }
        let place = register &- PMURegisters.highBase
        return place < 4096 ? high[Int(place)] : PMURegisters.isPMU(register, flavour)
    }

    /// Guests access many registers; the PMU's alone are demand, of either vendor.
    static func isPMU(_ register: UInt32, _ flavour: Flavour) -> Bool {
        RegisterName(address: register, flavour: flavour) != .other
            || RegisterName(address: register, flavour: flavour == .intel ? .amdCoreExt : .intel) != .other
    }
}
