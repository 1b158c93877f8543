import Counts
import Policy
import Replay
import Timeline
import Trace

extension Explanation {
    /// How many accesses before and after the decision are shown.
    static let accessesAround = 12
    /// How far from the decision they are looked for, ns.
    private static let reach: UInt64 = 2_000_000

    /// Adds the register accesses of the decision's pCPU around it.
    ///
    /// - Throws: `TraceError` where that part of the trace cannot be read.
    public mutating func addAccesses(from reader: TraceReader) throws {
        let time = difference.time
        let events = try reader.events(
            in: time.subtractingReportingOverflow(Self.reach).overflow
                ? 0...time &+ Self.reach
                : time - Self.reach...(time.addingReportingOverflow(Self.reach).overflow ? .max : time + Self.reach))
        let accesses = events.filter { Int($0.pcpu) == difference.pcpu }
        let first = accesses.firstIndex { $0.time >= time } ?? accesses.endIndex
        let from = max(accesses.startIndex, first - Self.accessesAround)
        let to = min(accesses.endIndex, first + Self.accessesAround)
        self.accesses = accesses[from..<to].map { Access(time: $0.time, text: $0.words) }
    }

    /// Adds what the decision costs from there on, from the counts under both policies.
    public mutating func addCost(_ timeline: Timeline, a: PolicyRules, b: PolicyRules) {
        let tables = Replayer.replay(timeline, under: [a, b], threads: 2)
        addCost(a: tables[0], b: tables[1])
    }

    mutating func addCost(a: CountsTable, b: CountsTable) {
        let (with, without) = subject.goesWithout == .a ? (b, a) : (a, b)
        func sum(_ table: CountsTable, _ part: (Series) -> UInt64) -> UInt64 {
            table.series.filter { $0.key.owner == subject.owner }.reduce(0) { $0 &+ part($1) }
        }
        let diff = TableDiff(with, without, options: .init(owners: [subject.owner]))
        let ran = (with: sum(with) { $0.runningNs }, without: sum(without) { $0.runningNs })
        cost = Cost(
            owner: subject.owner, lostNs: ran.with > ran.without ? ran.with - ran.without : 0,
            silentNs: sum(without) { $0.silentNs }, enabledNs: sum(without) { $0.enabledNs }, verdict: diff.verdict.name
        )
    }
}

extension TraceEvent {
    /// One line: what was accessed or switched.
    fileprivate var words: String {
        func hex(_ number: some BinaryInteger) -> String { "0x" + String(number, radix: 16) }
        switch kind {
        case .kvmMSR:
            return
                "guest \(isWrite ? "writes" : "reads") \(hex(value)) \(isWrite ? "to" : "from") register \(hex(register))"
                + (raisedException ? ", #GP" : "")
        case .writeMSR: return "host writes \(hex(value)) to register \(hex(register))"
        case .readMSR: return "host reads \(hex(value)) from register \(hex(register))"
        case .rdpmc: return "host reads counter \(hex(register)): \(hex(value))"
        case .kvmEntry: return "VM entry of vCPU \(vcpuID)"
        case .kvmExit: return "VM exit of vCPU \(vcpuID), reason \(exitReason)"
        case .schedSwitch: return "thread \(pid) gives way to \(nextPID)"
        case .processFork: return "thread \(pid) makes thread \(subjectPID)"
        case .processExit: return "thread \(subjectPID) ends"
        case .perfEventOpen:
            return "thread \(pid) asks for a perf event, thread \(openTarget) on CPU \(openCPU); which, no record shows"
        case .acceptIRQ:
            return "APIC \(a) takes \(DeliveryMode.names[Int(deliveryMode >> 8 & 7)]) vector \(vector)"
        }
    }
}
