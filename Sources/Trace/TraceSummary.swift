/// What a trace holds, counted: enough for `info` without decoding a single event.
public struct TraceSummary: Equatable, Sendable {
    /// A guest's access as far as it is counted.
    public struct Access: Hashable, Sendable, Comparable {
        public var register: UInt32
        public var write: Bool
        public var exception: Bool

        public init(register: UInt32, write: Bool, exception: Bool) {
            self.register = register
            self.write = write
            self.exception = exception
        }

        public static func < (a: Access, b: Access) -> Bool {
            (a.register, a.write ? 1 : 0, a.exception ? 1 : 0) < (b.register, b.write ? 1 : 0, b.exception ? 1 : 0)
        }
    }

    /// KVM records of one thread id over the whole trace.
    public struct ThreadUse: Equatable, Sendable {
        /// `kvm_msr` records.
        public var accesses: UInt64 = 0
        /// `kvm_entry` and `kvm_exit` records, which name the vCPU.
        public var transitions: UInt64 = 0
        /// The least and greatest vCPU id that those name; nil without them.
        public var vcpus: ClosedRange<UInt32>?

        public init() {}

        @inline(__always)
        mutating func add(_ kind: EventKind, vcpu: UInt32) {
            switch kind {
            case .kvmMSR: accesses &+= 1
            case .kvmEntry, .kvmExit:
                transitions &+= 1
                add(vcpu...vcpu)
            default: break
            }
        }

        mutating func add(_ other: ThreadUse) {
            accesses &+= other.accesses
            transitions &+= other.transitions
            if let range = other.vcpus { add(range) }
        }

        private mutating func add(_ range: ClosedRange<UInt32>) {
            guard let known = vcpus else {
                vcpus = range
                return
            }
            if known.contains(range.lowerBound), known.contains(range.upperBound) { return }
            vcpus = min(known.lowerBound, range.lowerBound)...max(known.upperBound, range.upperBound)
        }
    }

    /// Most distinct accesses, and most threads, that are counted apart.
    public static let mostKeys = 65_536

    private var counts: InlineArray<11, UInt64> = .init(repeating: 0)
    /// Guest accesses (`kvm_msr`) by register, direction and exception.
    public internal(set) var accesses: [Access: UInt64] = [:]
    /// Threads with KVM records.
    public internal(set) var threads: [Int32: ThreadUse] = [:]
    /// Some accesses or threads were beyond `mostKeys` and are missing in `accesses` or `threads`.
    public internal(set) var isCapped = false

    public init() {}

    public static func == (a: TraceSummary, b: TraceSummary) -> Bool {
        EventKind.allCases.allSatisfy { a.records($0) == b.records($0) } && a.accesses == b.accesses
            && a.threads == b.threads && a.isCapped == b.isCapped
    }

    /// Number of records of one tracepoint.
    public func records(_ kind: EventKind) -> UInt64 { counts[Int(kind.rawValue)] }

    /// Number of records of all tracepoints.
    public var records: UInt64 { EventKind.allCases.reduce(0) { $0 &+ records($1) } }

    /// Counts one event.
    public mutating func add(_ event: TraceEvent) {
        add(1, of: event.kind)
        guard event.kind.isKVM else { return }
        if event.kind == .kvmMSR {
            add(1, of: Access(register: event.register, write: event.isWrite, exception: event.raisedException))
        }
        var use = ThreadUse()
        use.add(event.kind, vcpu: event.a)
        add(use, of: event.pid)
    }

    mutating func add(_ count: UInt64, of kind: EventKind) { counts[Int(kind.rawValue)] &+= count }

    mutating func add(_ count: UInt64, of access: Access) {
        guard accesses[access] != nil || accesses.count < Self.mostKeys else {
            isCapped = true
            return
        }
        accesses[access, default: 0] &+= count
    }

    mutating func add(_ use: ThreadUse, of pid: Int32) {
        guard threads[pid] != nil || threads.count < Self.mostKeys else {
            isCapped = true
            return
        }
        threads[pid, default: ThreadUse()].add(use)
    }

    mutating func add(_ other: TraceSummary) {
        for kind in EventKind.allCases { add(other.records(kind), of: kind) }
        // Sorted, so that which keys are left out at the cap does not depend on hashing.
        for (access, count) in other.accesses.sorted(by: { $0.key < $1.key }) { add(count, of: access) }
        for (pid, use) in other.threads.sorted(by: { $0.key < $1.key }) { add(use, of: pid) }
        isCapped = isCapped || other.isCapped
    }
}

extension TraceSummary {
    /// The summary as an index checkpoint stores it.
    func encode(into out: inout ByteWriter) {
        for kind in EventKind.always { out.append(varint: records(kind)) }
        out.append(UInt8(isCapped ? 1 : 0))
        out.append(varint: UInt64(accesses.count))
        for (access, count) in accesses.sorted(by: { $0.key < $1.key }) {
            out.append(varint: UInt64(access.register))
            out.append(UInt8((access.write ? 1 : 0) | (access.exception ? 2 : 0)))
            out.append(varint: count)
        }
        out.append(varint: UInt64(threads.count))
        for (pid, use) in threads.sorted(by: { $0.key < $1.key }) {
            out.append(varint: UInt64(UInt32(bitPattern: pid)))
            out.append(varint: use.accesses)
            out.append(varint: use.transitions)
            guard let vcpus = use.vcpus else { continue }
            out.append(varint: UInt64(vcpus.lowerBound))
            out.append(varint: UInt64(vcpus.upperBound))
        }
        let optional = EventKind.allCases.filter(\.isOptional)
        if optional.contains(where: { records($0) > 0 }) {
            for kind in optional { out.append(varint: records(kind)) }
        }
    }

    init(_ reader: inout ByteReader) throws(FormatViolation) {
        for kind in EventKind.always { add(try reader.varint(), of: kind) }
        isCapped = try reader.read(UInt8.self) & 1 != 0
        for _ in 0..<(try reader.count("the number of counted accesses", atMost: Self.mostKeys)) {
            let register = try reader.varint()
            let bits = try reader.read(UInt8.self)
            let access = Access(
                register: UInt32(truncatingIfNeeded: register), write: bits & 1 != 0, exception: bits & 2 != 0)
            accesses[access, default: 0] &+= try reader.varint()
        }
        for _ in 0..<(try reader.count("the number of counted threads", atMost: Self.mostKeys)) {
            let pid = Int32(bitPattern: UInt32(truncatingIfNeeded: try reader.varint()))
            var use = ThreadUse()
            use.accesses = try reader.varint()
            use.transitions = try reader.varint()
            if use.transitions > 0 {
                let (low, high) = (try reader.varint(), try reader.varint())
                guard low <= high, high <= UInt32.max else { throw FormatViolation("vCPU ids \(low) to \(high)") }
                use.vcpus = UInt32(low)...UInt32(high)
            }
            threads[pid] = use
        }
        if reader.remaining > 0 {
            for kind in EventKind.allCases where kind.isOptional { add(try reader.varint(), of: kind) }
        }
    }
}
