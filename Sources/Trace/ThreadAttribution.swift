/// Which thread is which vCPU, and since when: thread ids are used again.
///
/// Feed it the trace's events in order, then ask. What it goes by, in this order:
/// 1. `kvm_entry` and `kvm_exit` of the thread, which carry the vCPU's id (`kvm_msr` does not);
/// 2. what the recorder knew of the thread (`TraceMetadata.threads`);
/// 3. the thread's name in `sched_switch`, where the VMM names its threads (`CPU n/KVM`).
///
/// A thread that is switched out dead (`prev_state` EXIT_DEAD or EXIT_ZOMBIE, include/linux/sched.h) ends; what its id
/// does later is another thread's. Where the trace has `sched_process_fork` and `sched_process_exit`, a fork that gives
/// an id says so too, and a thread that ends enters no guest any more.
public struct ThreadAttribution: Sendable {
    public enum Source: String, Sendable, Codable {
        case transitions
        case recorder
        case threadName
    }

    public struct VCPU: Hashable, Sendable {
        /// The thread, and when this use of its id began (0 for the first), ns.
        public var thread: Int32
        public var since: UInt64
        /// The VM's name, and its process, where the recorder knew them.
        public var vm: String?
        public var process: Int32?
        /// The vCPU's id inside its VM.
        public var index: Int
        public var source: Source
    }

    /// One use of a thread id.
    private struct Life {
        var start: UInt64
        var end: UInt64?
        /// Times from which on the thread ran another vCPU, and which.
        var vcpus: [(time: UInt64, index: UInt32)] = []
        var name: UInt32?
        /// It is on its way out: it may be switched to and from, but acts for no guest any more.
        var isExiting = false
    }

    private var lives: [Int32: [Life]] = [:]
    private var known: [Int32: [TraceMetadata.ThreadIdentity]] = [:]
    private var names: [String]

    /// `threads` and `comms` are the trace's.
    public init(threads: [TraceMetadata.ThreadIdentity], comms: [String]) {
        for thread in threads { known[thread.tid, default: []].append(thread) }
        names = comms
    }

    /// Learns from `event`; events come in the order of time.
    public mutating func observe(_ event: TraceEvent) {
        switch event.kind {
        case .kvmEntry, .kvmExit:
            endIfExiting(event.pid, event.time)
            live(event.pid, event.time) { life in
                if life.vcpus.last?.index != event.vcpuID { life.vcpus.append((event.time, event.vcpuID)) }
            }
        case .kvmMSR:
            endIfExiting(event.pid, event.time)
            live(event.pid, event.time) { _ in }
        case .schedSwitch:
            live(event.nextPID, event.time) { $0.name = event.nextComm }
            // EXIT_DEAD 0x10, EXIT_ZOMBIE 0x20.
            let isDead = event.value & 0x30 != 0
            if lives[event.pid] != nil || isDead {
                live(event.pid, event.time) { life in
                    life.name = event.prevComm
                    if isDead { life.end = event.time }
                }
            }
        case .processFork: begin(event.subjectPID, event.time, name: event.nextComm)
        case .processExit: live(event.subjectPID, event.time) { $0.isExiting = true }
        case .writeMSR, .readMSR, .rdpmc, .perfEventOpen, .acceptIRQ: break
        }
    }

    /// A new thread has the id: whatever had it before is gone, though the trace may not show how.
    private mutating func begin(_ pid: Int32, _ time: UInt64, name: UInt32) {
        guard pid != 0 else { return }
        guard let last = lives[pid]?.last else {
            lives[pid] = [Life(start: 0, name: name)]
            return
        }
        if last.end == nil { lives[pid]![lives[pid]!.count - 1].end = time }
        lives[pid]!.append(Life(start: time, name: name))
    }

    private mutating func endIfExiting(_ pid: Int32, _ time: UInt64) {
        guard let last = lives[pid]?.last, last.isExiting, last.end == nil else { return }
        lives[pid]![lives[pid]!.count - 1].end = time
    }

    private mutating func live(_ pid: Int32, _ time: UInt64, _ change: (inout Life) -> Void) {
        guard pid != 0 else { return }
        if lives[pid] == nil { lives[pid] = [Life(start: 0)] }
        if lives[pid]!.last!.end != nil { lives[pid]!.append(Life(start: time)) }
        change(&lives[pid]![lives[pid]!.count - 1])
    }

    /// The vCPU that the thread `pid` ran at `time`, or nil where nothing tells.
    public func vcpu(of pid: Int32, at time: UInt64) -> VCPU? {
        let lives = lives[pid] ?? []
        let number = lives.lastIndex { $0.start <= time } ?? 0
        let life = lives.isEmpty ? Life(start: 0) : lives[number]
        let identity = identity(of: pid, life: number, of: max(1, lives.count), name: life.name)
        func answer(_ index: Int, _ source: Source) -> VCPU {
            VCPU(
                thread: pid, since: life.start, vm: identity?.vm, process: identity?.pid, index: index, source: source)
        }
        if let seen = life.vcpus.last(where: { $0.time <= time }) ?? life.vcpus.first {
            return answer(Int(seen.index), .transitions)
        }
        if let identity, let index = identity.vcpu ?? Self.vcpuIndex(ofThreadNamed: identity.comm) {
            return answer(index, .recorder)
        }
        if let name = life.name, name < names.count, let index = Self.vcpuIndex(ofThreadNamed: names[Int(name)]) {
            return answer(index, .threadName)
        }
        return nil
    }

    /// Which use of the thread id `pid` was current at `time`: 0 for the first.
    public func use(of pid: Int32, at time: UInt64) -> Int {
        guard let lives = lives[pid], lives.count > 1 else { return 0 }
        return lives.lastIndex { $0.start <= time } ?? 0
    }

    /// When each use of the thread id `pid` began, ns: 0 for the first.
    public func uses(of pid: Int32) -> [UInt64] { lives[pid]?.map(\.start) ?? [0] }

    /// Whether `vcpu(of:at:)` answers the same at every time, whatever the thread.
    public var isConstant: Bool {
        lives.allSatisfy { pid, lives in
            let moments = lives.flatMap { life in [life.start] + life.vcpus.map(\.time) }
            let answers = moments.map { vcpu(of: pid, at: $0) }
            return answers.allSatisfy { $0 == answers[0] }
        }
    }

    /// What the recorder knew of a use of a thread id. It looked at one moment: where an id was used more than once,
    /// its word counts for the use whose name in `sched_switch` agrees.
    private func identity(of pid: Int32, life: Int, of count: Int, name: UInt32?) -> TraceMetadata.ThreadIdentity? {
        guard let candidates = known[pid] else { return nil }
        if count == 1, candidates.count == 1 { return candidates[0] }
        if let name, name < names.count, let named = candidates.first(where: { $0.comm == names[Int(name)] }) {
            return named
        }
        if candidates.count == count { return candidates[life] }
        return name == nil ? candidates[0] : nil
    }

    /// The name of the thread `pid` at `time`, in `sched_switch` or by the recorder's word; nil where nothing tells.
    public func name(of pid: Int32, at time: UInt64) -> String? {
        let lives = lives[pid] ?? []
        let number = lives.lastIndex { $0.start <= time } ?? 0
        let name = lives.isEmpty ? nil : lives[number].name
        if let name, name < names.count { return names[Int(name)] }
        return identity(of: pid, life: number, of: max(1, lives.count), name: name)?.comm
    }

    /// The threads that have that name, in `sched_switch` or by the recorder's word, in ascending order.
    public func threads(named comm: String) -> [Int32] {
        var found: Set<Int32> = []
        for (thread, identities) in known where identities.contains(where: { $0.comm == comm }) { found.insert(thread) }
        for (thread, lives) in lives {
            let isNamed = lives.contains { life in life.name.map { $0 < names.count && names[Int($0)] == comm } ?? false
            }
            if isNamed { found.insert(thread) }
        }
        return found.sorted()
    }

    /// KVM gives no vCPU a higher id (`KVM_MAX_VCPU_IDS`, arch/x86/include/asm/kvm_host.h, with the largest
    /// `KVM_MAX_NR_VCPUS`).
    private static let vcpuIndexLimit = 16_383

    /// The vCPU's index in the name of its thread, as VMMs give it: `CPU 3/KVM` (QEMU), `fc_vcpu 3` (Firecracker),
    /// `vcpu3` (Cloud Hypervisor), `crosvm_vcpu3`, `kvm-vcpu-3` (kvmtool).
    public static func vcpuIndex(ofThreadNamed name: String) -> Int? {
        for (prefix, suffix) in [
            ("CPU ", "/KVM"), ("fc_vcpu ", ""), ("vcpu", ""), ("crosvm_vcpu", ""), ("kvm-vcpu-", ""),
        ]
        where name.hasPrefix(prefix) && name.hasSuffix(suffix)
            && name.utf8.count > prefix.utf8.count + suffix.utf8.count
        {
            let digits = name.dropFirst(prefix.count).dropLast(suffix.count)
            if digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let index = Int(digits), index <= vcpuIndexLimit
            {
                return index
            }
        }
        return nil
    }
}
