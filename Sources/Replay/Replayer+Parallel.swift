import Counts
import Dispatch
import Policy
import Synchronization
import Timeline

extension Replayer {
    /// One table for each of `rules`, in their order, on up to `threads` threads. The result does not depend on their
    /// number: each replay is a world of its own.
    public static func replay(
        _ timeline: Timeline, under rules: [PolicyRules], threads: Int, trace: String? = nil
    ) -> [CountsTable] {
        if threads <= 1 || rules.count <= 1 { return rules.map { replay(timeline, under: $0, trace: trace) } }
        let results = Mutex([CountsTable?](repeating: nil, count: rules.count))
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: min(threads, rules.count)) { _ in
            while true {
                let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
                if number >= rules.count { return }
                let table = replay(timeline, under: rules[number], trace: trace)
                results.withLock { $0[number] = table }
            }
        }
        return results.withLock { $0.compactMap { $0 } }
    }
}
