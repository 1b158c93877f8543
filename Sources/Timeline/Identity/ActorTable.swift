import Host
import Trace

/// The vCPUs and VMs of a trace as demand's actors, and which thread is which of them, over time.
///
/// `ThreadAttribution` says which vCPU a thread runs. What it cannot tell but acts for a guest all the same (guest
/// accesses, events that count in guest mode only) becomes a vCPU of the VM `unattributed`, with the thread's id for
/// an index.
///
/// A VM goes by its name, or by its process. A vCPU of which neither is known belongs to some VM, and nothing tells to
/// which: that two such vCPUs have different ids does not make them one VM's (a trace may miss what either VM's others
/// did), and threads made one after the other may be two VMs'. So they are put under the name `unknown`, which stands
/// for any number of VMs; a further thread that is the same vCPU there is surely another VM's and has the name
/// `unknown-THREAD`.
struct ActorTable {
    private(set) var vms: [Demand.VM] = []
    private(set) var vcpus: [Demand.VCPU] = []
    /// Threads that act for a guest but that nothing names.
    private(set) var unattributed: [Int32] = []
    /// vCPUs of which neither VM nor process is known.
    private(set) var vcpusOfUnknownVMs: [Int] = []
    private let attribution: ThreadAttribution
    private var known: [Life: Int32] = [:]
    private var indexesUnknown: Set<Int> = []

    static let unattributedVM = "unattributed"
    static let unknownVM = "unknown"

    private struct Life: Hashable {
        var thread: Int32
        var since: UInt64
        var index: Int
    }

    init(_ attribution: ThreadAttribution) { self.attribution = attribution }

    /// The vCPU that `thread` was at `time`; threads that are none give nil, unless they `actForGuests`.
    mutating func vcpu(of thread: Int32, at time: UInt64, actsForGuests: Bool = false) -> Int32? {
        guard thread != 0 else { return nil }
        guard let found = attribution.vcpu(of: thread, at: time) else {
            let life = Life(thread: thread, since: 0, index: -1)
            if let number = known[life] { return number }
            guard actsForGuests else { return nil }
            unattributed.append(thread)
            return add(life, vm: vm(named: ActorTable.unattributedVM), index: Int(thread))
        }
        let life = Life(thread: thread, since: found.since, index: found.index)
        if let number = known[life] { return number }
        if let name = found.vm ?? found.process.map({ "pid\($0)" }) {
            return add(life, vm: vm(named: name), index: found.index)
        }
        let isFirst = indexesUnknown.insert(found.index).inserted
        let name = isFirst ? ActorTable.unknownVM : "\(ActorTable.unknownVM)-\(thread)"
        let number = add(life, vm: vm(named: name), index: found.index)
        vcpusOfUnknownVMs.append(Int(number))
        return number
    }

    private mutating func vm(named name: String) -> Int {
        if let index = vms.firstIndex(where: { $0.name == name }) { return index }
        vms.append(Demand.VM(name: name))
        return vms.count - 1
    }

    private mutating func add(_ life: Life, vm: Int, index: Int) -> Int32 {
        let number: Int
        if let same = vcpus.firstIndex(where: { $0.vm == vm && $0.index == index && $0.thread == life.thread }) {
            number = same
        } else {
            vcpus.append(Demand.VCPU(vm: vm, index: index, thread: life.thread))
            number = vcpus.count - 1
        }
        known[life] = Int32(number)
        return Int32(number)
    }
}
