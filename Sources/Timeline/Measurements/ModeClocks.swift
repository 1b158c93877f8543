import Host
import Policy

/// How much time each context has spent in the mode that an event counts in: the axes that counts are laid out on.
///
/// A counter of a guest counts only between VM entry and exit, so what lies between two slices of its guest does not
/// separate two measurements. Where entries are not visible a vCPU's whole slice counts as guest mode. All in ns.
public struct ModeClocks: Sendable {
    /// A context whose time an event's count belongs to.
    public enum Axis: Sendable, Hashable {
        /// Guest mode of a vCPU.
        case guest(Int)
        /// Everything on a pCPU, its guest mode left out, and its guest mode alone.
        case pcpu(Int)
        case pcpuHost(Int)
        case pcpuGuest(Int)
        /// A vCPU's thread on its CPU, and that without guest mode.
        case thread(Int)
        case threadHost(Int)
        case hostTask(Int)
    }

    private struct Clock: Sendable {
        var total: UInt64 = 0
        var since: UInt64?

        func now(_ time: UInt64) -> UInt64 { total &+ (since.map { time > $0 ? time - $0 : 0 } ?? 0) }
        mutating func start(_ time: UInt64) { if since == nil { since = time } }
        mutating func stop(_ time: UInt64) {
            total = now(time)
            since = nil
        }
    }

    /// A clock that was looked at: good until the next operation is taken.
    public struct Reading {
        let total: UInt64
        /// `.max` while it stands still.
        let since: UInt64

        @inline(__always)
        public func now(_ time: UInt64) -> UInt64 { total &+ (time > since ? time &- since : 0) }
    }

    private let entries: KVMRules.EntryVisibility
    private let start: UInt64
    private var guests: [Clock]
    private var threads: [Clock]
    private var tasks: [Clock]
    private var pcpuGuests: [Clock]
    private var current: [DemandOperation.Thread]

    public init(actors: Demand.Actors, start: UInt64, entries: KVMRules.EntryVisibility) {
        self.entries = entries
        self.start = start
        guests = [Clock](repeating: Clock(), count: actors.vcpus.count)
        threads = guests
        tasks = [Clock](repeating: Clock(), count: actors.hostTasks.count)
        pcpuGuests = [Clock](repeating: Clock(), count: actors.pcpus)
        current = [DemandOperation.Thread](repeating: .other, count: actors.pcpus)
    }

    /// Takes note of an operation; call it before the machine applies it.
    public mutating func take(_ operation: DemandOperation) {
        let p = Int(operation.pcpu)
        guard current.indices.contains(p) else { return }
        switch operation.kind {
        case .taskSwitch(let thread): switchThread(p, thread, operation.time)
        case .guestEnter(let vcpu):
            ensure(p, vcpu, operation.time)
            if entries == .visible { enterGuest(p, Int(vcpu), operation.time) }
        case .guestExit(let vcpu, _):
            ensure(p, vcpu, operation.time)
            if entries == .visible { leaveGuest(p, Int(vcpu), operation.time) }
        case .guestWrite(let vcpu, _, _, _), .guestRead(let vcpu, _, _), .guestReadPMC(let vcpu):
            ensure(p, vcpu, operation.time)
        default: break
        }
    }

    /// The axes whose clocks an operation may start or stop, those of pCPUs aside; ask before it is taken.
    public func axes(touchedBy operation: DemandOperation) -> [Axis] {
        let p = Int(operation.pcpu)
        guard current.indices.contains(p) else { return [] }
        let next: DemandOperation.Thread
        switch operation.kind {
        case .taskSwitch(let thread): next = thread
        case .guestEnter(let vcpu), .guestExit(let vcpu, _), .guestWrite(let vcpu, _, _, _), .guestRead(let vcpu, _, _),
            .guestReadPMC(let vcpu):
            next = .vcpu(vcpu)
        default: return []
        }
        return axes(of: current[p]) + (next == current[p] ? [] : axes(of: next))
    }

    private func axes(of thread: DemandOperation.Thread) -> [Axis] {
        switch thread {
        case .vcpu(let vcpu):
            threads.indices.contains(Int(vcpu)) ? [.guest(Int(vcpu)), .thread(Int(vcpu)), .threadHost(Int(vcpu))] : []
        case .hostTask(let task): tasks.indices.contains(Int(task)) ? [.hostTask(Int(task))] : []
        case .other: []
        }
    }

    /// The axis's time at `time`, which is not earlier than the last operation taken.
    @inline(__always)
    public func now(_ axis: Axis, _ time: UInt64) -> UInt64 {
        switch axis {
        case .guest(let vcpu): guests[vcpu].now(time)
        case .pcpu: time &- start
        case .pcpuHost(let pcpu): time &- start &- pcpuGuests[pcpu].now(time)
        case .pcpuGuest(let pcpu): pcpuGuests[pcpu].now(time)
        case .thread(let vcpu): threads[vcpu].now(time)
        case .threadHost(let vcpu): threads[vcpu].now(time) &- min(threads[vcpu].now(time), guests[vcpu].now(time))
        case .hostTask(let task): tasks[task].now(time)
        }
    }

    /// The clock of a vCPU's guest mode.
    public func reading(guest vcpu: Int) -> Reading {
        Reading(total: guests[vcpu].total, since: guests[vcpu].since ?? .max)
    }

    /// Where the counts of a host event belong.
    public static func axis(of event: Demand.HostEvent) -> Axis {
        switch (event.scope, event.exclusion) {
        case (.pcpu(let pcpu), .none): .pcpu(pcpu)
        case (.pcpu(let pcpu), .guest): .pcpuHost(pcpu)
        case (.pcpu(let pcpu), .host): .pcpuGuest(pcpu)
        case (.task(let task), _): .hostTask(task)
        case (.vcpu(let vcpu), .none): .thread(vcpu)
        case (.vcpu(let vcpu), .guest): .threadHost(vcpu)
        case (.vcpu(let vcpu), .host): .guest(vcpu)
        }
    }

    private mutating func ensure(_ p: Int, _ vcpu: Int32, _ time: UInt64) {
        guard threads.indices.contains(Int(vcpu)), current[p] != .vcpu(vcpu) else { return }
        switchThread(p, .vcpu(vcpu), time)
    }

    private mutating func switchThread(_ p: Int, _ thread: DemandOperation.Thread, _ time: UInt64) {
        switch current[p] {
        case .vcpu(let vcpu):
            leaveGuest(p, Int(vcpu), time)
            threads[Int(vcpu)].stop(time)
        case .hostTask(let task): tasks[Int(task)].stop(time)
        case .other: break
        }
        current[p] = thread
        switch thread {
        case .vcpu(let vcpu):
            guard threads.indices.contains(Int(vcpu)) else { return }
            for other in current.indices where other != p && current[other] == thread {
                leaveGuest(other, Int(vcpu), time)
                threads[Int(vcpu)].stop(time)
                current[other] = .other
            }
            threads[Int(vcpu)].start(time)
            if entries == .hidden { enterGuest(p, Int(vcpu), time) }
        case .hostTask(let task): if tasks.indices.contains(Int(task)) { tasks[Int(task)].start(time) }
        case .other: break
        }
    }

    private mutating func enterGuest(_ p: Int, _ vcpu: Int, _ time: UInt64) {
        guests[vcpu].start(time)
        pcpuGuests[p].start(time)
    }

    private mutating func leaveGuest(_ p: Int, _ vcpu: Int, _ time: UInt64) {
        guests[vcpu].stop(time)
        pcpuGuests[p].stop(time)
    }
}
