import Trace

/// Who the threads of an input are, as the input tells it piece by piece: names, processes, vCPUs.
///
/// A thread's process is what the input says it is and nothing else: where it says nothing, it stays unknown.
struct KnownThreads {
    private static let limit = 1 << 20

    private var identities: [Int32: TraceMetadata.ThreadIdentity] = [:]
    /// The input itself lists its threads; what is told on the way adds nothing.
    private(set) var isComplete = false
    private var isFull = false

    /// Later names win, as after an exec.
    mutating func name(_ tid: Int32, _ comm: String) {
        change(tid) { $0.comm = comm.keptLength }
    }

    mutating func process(of tid: Int32, is pid: Int32) {
        guard pid > 0 || pid == 0 && tid == 0 else { return }
        change(tid) { $0.pid = pid }
    }

    /// The thread runs a vCPU of the VM of that name.
    mutating func vcpu(of tid: Int32, is index: Int, ofVM vm: String) {
        change(tid) {
            $0.vm = vm.keptLength
            $0.vcpu = index
        }
    }

    func hasName(_ tid: Int32) -> Bool { identities[tid].map { !$0.comm.isEmpty } ?? false }

    /// Takes over a whole list.
    mutating func adopt(_ list: [TraceMetadata.ThreadIdentity]) {
        for var thread in list where identities.count < Self.limit {
            thread.comm = thread.comm.keptLength
            thread.vm = thread.vm?.keptLength
            identities[thread.tid] = thread
        }
        isComplete = true
    }

    /// Forgets everything: the numbers were not those of the events.
    mutating func forget() { identities = [:] }

    /// In the order of their ids.
    var list: [TraceMetadata.ThreadIdentity] {
        identities.values.sorted { $0.tid < $1.tid }.map { thread in
            var thread = thread
            thread.vcpu = thread.vcpu ?? ThreadAttribution.vcpuIndex(ofThreadNamed: thread.comm)
            return thread
        }
    }

    /// What to say of threads that were not kept, nil where all were.
    var remark: String? {
        isFull
            ? "the input names more than \(Self.limit) threads; of those after them names and processes are left out"
            : nil
    }

    private mutating func change(_ tid: Int32, _ change: (inout TraceMetadata.ThreadIdentity) -> Void) {
        guard !isComplete, tid >= 0 else { return }
        if identities[tid] == nil {
            guard identities.count < Self.limit else {
                isFull = true
                return
            }
            identities[tid] = .init(tid: tid, pid: nil, comm: "")
        }
        change(&identities[tid]!)
    }
}
