import Host
import PMU
import Trace

/// A decoded block, cut into pieces: stretches of one thread's accesses, and single events of every other kind.
///
/// What an event is its token says; so accesses are cut out by their tokens and not looked at one by one.
public final class DemandBlock {
    public let columns: BlockColumns
    public private(set) var pieces: ContiguousArray<Piece> = []
    /// The vCPUs that pieces have to do with, each once.
    private(set) var vcpus: [Int32] = []
    /// Tells blocks apart that were decoded one after the other into the same columns.
    public private(set) var serial = 0

    public struct Piece {
        public var thread: Int32
        /// The vCPU that the thread is, -1 for none.
        public var vcpu: Int32 = -1
        /// A switch to this vCPU's thread, -1 for none.
        public var next: Int32 = -1
        public var start: Int32
        public var end: Int32
        /// For a single event with fields of its own: its place among those; else -1.
        var wide: Int32 = -1
        public var kind: Kind

        public enum Kind: UInt8 {
            /// Accesses none of which is demand.
            case idle
            /// Accesses some of which are.
            case accesses
            /// A switch of threads.
            case switched
            /// One access, entry or exit.
            case single
            /// One event that is no demand, and may tell who is who.
            case witness
        }

        /// Whether it is the turn of a vCPU: it does something, or its thread is switched to.
        func isTurn(of other: Int32) -> Bool {
            switch kind {
            case .idle, .witness: false
            case .accesses, .single: vcpu == other
            case .switched: next == other
            }
        }
    }

    /// Whether some access writes a guest's GLOBAL_CTRL.
    private(set) var writesGlobalControl = false

    private static let isDemand: UInt8 = 1
    private static let isOther: UInt8 = 2
    /// Per token.
    private let kinds: UnsafeMutablePointer<UInt8>

    init() {
        columns = BlockColumns()
        kinds = .allocate(capacity: 256)
        kinds.initialize(repeating: 0, count: 256)
    }

    deinit { kinds.deallocate() }

    /// Whether events of a token are accesses that are demand.
    @inline(__always)
    public func isDemand(_ token: Int) -> Bool { kinds[token] == DemandBlock.isDemand }

    /// Cuts what was decoded into `columns`.
    func cut(_ registers: PMURegisters, serial: Int) {
        self.serial = serial
        pieces.removeAll(keepingCapacity: true)
        writesGlobalControl = false
        for token in 0..<256 {
            let template = columns.templates[token]
            kinds[token] =
                template.kind != .kvmMSR || columns.isWide[token] != 0
                ? DemandBlock.isOther : registers.contains(template.register) ? DemandBlock.isDemand : 0
            guard token < columns.templateCount, kinds[token] == DemandBlock.isDemand,
                template.register == MSR.globalControl, template.isWrite, !template.raisedException
            else { continue }
            if (0..<columns.count).contains(where: { Int(columns.tokens[$0]) == token }) { writesGlobalControl = true }
        }
        cut(registers)
    }

    private func cut(_ registers: PMURegisters) {
        let (tokens, isWide, runs, kinds) = (columns.tokens, columns.isWide, columns.runs, kinds)
        var at = 0
        var run = 0
        var wide: Int32 = 0
        while at < columns.count {
            if at >= runs[run].end { run += 1 }
            let (start, limit) = (at, runs[run].end)
            var seen: UInt8 = 0
            while at < limit {
                let kind = kinds[Int(tokens[at])]
                if kind == DemandBlock.isOther { break }
                seen |= kind
                at &+= 1
            }
            if at > start {
                pieces.append(
                    Piece(
                        thread: runs[run].pid, start: Int32(start), end: Int32(at), kind: seen == 0 ? .idle : .accesses)
                )
                continue
            }
            let hasFields = isWide[Int(tokens[at])] != 0
            var piece = Piece(
                thread: runs[run].pid, start: Int32(at), end: Int32(at + 1), wide: hasFields ? wide : -1, kind: .single)
            let event = event(piece)
            switch event.kind {
            case .kvmMSR: if !registers.contains(event.register) { piece.kind = .idle }
            case .kvmEntry, .kvmExit: break
            case .schedSwitch: piece.kind = .switched
            default: piece.kind = .witness
            }
            if event.kind == .kvmMSR, event.register == MSR.globalControl, event.isWrite, !event.raisedException {
                writesGlobalControl = true
            }
            pieces.append(piece)
            if hasFields { wide += 1 }
            at += 1
        }
    }

    /// Says who the pieces' threads are.
    func attribute(_ vcpuOfThread: [Int32: Int32]) {
        vcpus.removeAll()
        var seen: Set<Int32> = []
        var last: (thread: Int32, vcpu: Int32) = (0, -1)
        func vcpu(of thread: Int32) -> Int32 {
            if thread == 0 { return -1 }
            if thread != last.thread {
                last = (thread, vcpuOfThread[thread] ?? -1)
                if last.vcpu >= 0, seen.insert(last.vcpu).inserted { vcpus.append(last.vcpu) }
            }
            return last.vcpu
        }
        for number in pieces.indices where pieces[number].kind != .idle && pieces[number].kind != .witness {
            pieces[number].vcpu = vcpu(of: pieces[number].thread)
            if pieces[number].kind == .switched {
                pieces[number].next = vcpu(of: event(pieces[number]).nextPID)
            }
        }
    }

    /// The operation that an access of `vcpu` is, which is demand.
    public func operation(_ at: Int, _ vcpu: Int32) -> DemandOperation {
        var operation = operation(ofToken: Int(columns.tokens[at]), columns.values[at], vcpu)
        operation.time = columns.times[at]
        return operation
    }

    /// What accesses of a token are, with the value that is fixed by it.
    public func operation(ofToken token: Int) -> DemandOperation {
        operation(ofToken: token, columns.templates[token].value, 0)
    }

    private func operation(ofToken token: Int, _ value: UInt64, _ vcpu: Int32) -> DemandOperation {
        let event = columns.templates[token]
        return DemandOperation(
            time: 0, pcpu: Int32(columns.pcpu),
            kind: event.isWrite
                ? .guestWrite(vcpu: vcpu, register: event.register, value: value, faulted: event.raisedException)
                : .guestRead(vcpu: vcpu, register: event.register, faulted: event.raisedException))
    }

    /// Whether accesses of a token have values of their own.
    public func takesValue(_ token: Int) -> Bool { columns.takesLiteral[token] != 0 }

    @inline(__always)
    func time(_ index: Int32) -> UInt64 { columns.times[Int(index)] }

    /// The first event of accesses that is demand, `end` where there is none.
    func firstDemand(from start: Int32, before end: Int32) -> Int32 {
        var at = start
        while at < end, !isDemand(Int(columns.tokens[Int(at)])) { at += 1 }
        return at
    }

    /// The first event of a range that is not before `time`, its end where there is none.
    public func firstAtOrAfter(_ time: UInt64, in range: Range<Int>) -> Int {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if columns.times[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The event of a single one, or the first of accesses.
    func event(_ piece: Piece) -> TraceEvent {
        let at = Int(piece.start)
        var event: TraceEvent
        if piece.wide >= 0 {
            event = columns.wide[Int(piece.wide)]
        } else {
            event = columns.templates[Int(columns.tokens[at])]
            if takesValue(Int(columns.tokens[at])) { event.value = columns.values[at] }
        }
        event.time = columns.times[at]
        event.pcpu = columns.pcpu
        event.pid = piece.thread
        return event
    }
}
