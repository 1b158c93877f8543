import Trace

/// A trace as Perfetto shows it.
///
///     pCPUs ─┬─ pCPU 0          what runs; accesses to registers
///            │   └─ PMC 2       what the event select is enabled for
///     vCPUs ─┴─ VM vCPU 1       guest mode; accesses of the guest
///
/// Numbers of messages and fields: perfetto's protos/perfetto/trace/trace_packet.proto and track_event/*.proto.
struct PerfettoExport {
    private enum Packet {
        static let timestamp = 8
        static let sequence = 10
        static let trackEvent = 11
        static let sequenceFlags = 13
        static let trackDescriptor = 60
    }
    private enum Descriptor {
        static let uuid = 1
        static let name = 2
        static let parent = 5
    }
    private enum Event {
        static let annotation = 4
        static let type = 9
        static let track = 11
        static let name = 23
    }
    private enum Kind: UInt64 {
        case begin = 1
        case end = 2
        case instant = 3
    }

    private static let pcpuGroup: UInt64 = 1
    private static let vcpuGroup: UInt64 = 2

    private let reader: TraceReader
    private let identities: [Int32: TraceMetadata.ThreadIdentity]
    private var out = Protobuf()
    private var described: Set<UInt64> = []
    /// Tracks with an open slice, and what it is called.
    private var open: [UInt64: String] = [:]
    private var vcpuOf: [Int32: UInt32] = [:]
    private var isFirst = true

    init(_ reader: TraceReader) {
        self.reader = reader
        identities = Dictionary(reader.metadata.threads.map { ($0.tid, $0) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func run(write: (UnsafeRawBufferPointer) throws -> Void) throws {
        describe(Self.pcpuGroup, "pCPUs of \(reader.metadata.hostName ?? "the host")", parent: nil)
        describe(Self.vcpuGroup, "vCPUs", parent: nil)
        try reader.forEachEvent { event, _ in
            add(event)
            if out.bytes.count >= 64 << 10 {
                try out.bytes.withUnsafeBytes(write)
                out.removeAll()
            }
        }
        if let last = reader.timeRange?.upperBound {
            for track in open.keys.sorted() { put(.end, track, last, nil) }
        }
        try out.bytes.withUnsafeBytes(write)
        out.removeAll()
    }

    // MARK: Records

    private mutating func add(_ event: TraceEvent) {
        let cpu = pcpuTrack(event.pcpu)
        switch event.kind {
        case .schedSwitch:
            begin(cpu, event.time, "\(reader.comm(event.nextComm) ?? "?") \(event.nextPID)")
        case .writeMSR:
            put(.instant, cpu, event.time, access("w", event))
            followSelect(event)
        case .processFork: put(.instant, cpu, event.time, "fork \(event.subjectPID)")
        case .processExit: put(.instant, cpu, event.time, "exit of \(event.subjectPID)")
        case .perfEventOpen:
            put(
                .instant, cpu, event.time, "perf_event_open by \(event.pid) for \(event.openTarget) on \(event.openCPU)"
            )
        case .acceptIRQ:
            let mode = DeliveryMode.names[Int(event.deliveryMode >> 8 & 7)]
            put(.instant, cpu, event.time, "APIC \(event.a) takes \(mode) \(hex(UInt64(event.vector)))")
        case .readMSR: put(.instant, cpu, event.time, access("r", event))
        case .rdpmc: put(.instant, cpu, event.time, access("rdpmc", event))
        case .kvmMSR:
            let name = access(event.isWrite ? "wrmsr" : "rdmsr", event) + (event.raisedException ? " #GP" : "")
            put(.instant, vcpuTrack(event.pid), event.time, name)
        case .kvmEntry:
            vcpuOf[event.pid] = event.vcpuID
            begin(vcpuTrack(event.pid), event.time, "guest mode")
        case .kvmExit:
            if event.vcpuID != TraceEvent.unknownVCPU { vcpuOf[event.pid] = event.vcpuID }
            let track = vcpuTrack(event.pid)
            end(track, event.time)
            let reason = ExitReason.name(of: event.exitReason, isa: event.isa) ?? hex(UInt64(event.exitReason))
            put(.instant, track, event.time, "exit \(reason)")
        }
    }

    private func access(_ verb: String, _ event: TraceEvent) -> String {
        "\(verb) \(hex(UInt64(event.register))) = \(hex(event.value))"
    }

    /// A physical counter shows what its event select is enabled for: Intel's from 0x186 on, AMD's from 0xc0010200
    /// (every second) and 0xc0010000 on; bit 22 enables (SDM volume 3, chapter 21; APM volume 2, 13.2).
    private mutating func followSelect(_ event: TraceEvent) {
        let counter: UInt32
        switch event.register {
        case 0x186...0x18d: counter = event.register - 0x186
        case 0xc001_0200...0xc001_020b where event.register % 2 == 0: counter = (event.register - 0xc001_0200) / 2
        case 0xc001_0000...0xc001_0003: counter = event.register - 0xc001_0000
        default: return
        }
        let track = 1 << 40 | UInt64(event.pcpu) << 8 | UInt64(counter)
        if described.insert(track).inserted {
            describe(track, "pCPU \(event.pcpu) PMC \(counter)", parent: pcpuTrack(event.pcpu))
        }
        if event.value & 1 << 22 != 0 {
            let code = event.value & 0xff | (event.value >> 32 & 0xf) << 8
            let name = "event \(hex(code)) umask \(hex(event.value >> 8 & 0xff))"
            if open[track] != name { begin(track, event.time, name) }
        } else {
            end(track, event.time)
        }
    }

    // MARK: Tracks

    private mutating func pcpuTrack(_ pcpu: UInt16) -> UInt64 {
        let track = 1 << 32 | UInt64(pcpu)
        if described.insert(track).inserted { describe(track, "pCPU \(pcpu)", parent: Self.pcpuGroup) }
        return track
    }

    private mutating func vcpuTrack(_ thread: Int32) -> UInt64 {
        let track = 2 << 32 | UInt64(UInt32(bitPattern: thread))
        guard described.insert(track).inserted else { return track }
        let identity = identities[thread]
        let vcpu = vcpuOf[thread].map(Int.init) ?? identity?.vcpu
        let vm = identity?.vm ?? identity?.pid.map { "process \($0)" }
        let name =
            vcpu.map { "\(vm ?? "VM unknown") vCPU \($0) (thread \(thread))" }
            ?? "thread \(thread)\(identity.map { " \($0.comm)" } ?? "")"
        describe(track, name, parent: Self.vcpuGroup)
        return track
    }

    // MARK: Packets

    private mutating func begin(_ track: UInt64, _ time: UInt64, _ name: String) {
        end(track, time)
        open[track] = name
        put(.begin, track, time, name)
    }

    private mutating func end(_ track: UInt64, _ time: UInt64) {
        if open.removeValue(forKey: track) != nil { put(.end, track, time, nil) }
    }

    private mutating func put(_ kind: Kind, _ track: UInt64, _ time: UInt64, _ name: String?) {
        var event = Protobuf()
        event.add(Event.type, kind.rawValue)
        event.add(Event.track, track)
        if let name { event.add(Event.name, name) }
        var packet = Protobuf()
        packet.add(Packet.timestamp, time)
        packet.add(Packet.trackEvent, event)
        put(packet)
    }

    private mutating func describe(_ track: UInt64, _ name: String, parent: UInt64?) {
        var descriptor = Protobuf()
        descriptor.add(Descriptor.uuid, track)
        descriptor.add(Descriptor.name, name)
        if let parent { descriptor.add(Descriptor.parent, parent) }
        var packet = Protobuf()
        packet.add(Packet.trackDescriptor, descriptor)
        put(packet)
    }

    private mutating func put(_ content: Protobuf) {
        var packet = content
        packet.add(Packet.sequence, 1 as UInt64)
        // 1: nothing before this packet is needed to read it.
        if isFirst { packet.add(Packet.sequenceFlags, 1 as UInt64) }
        isFirst = false
        out.add(1, packet)
    }

    private func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}
