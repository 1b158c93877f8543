import Counts
import Dispatch
import Host
import Policy
import Synchronization
import Timeline
import Trace

extension Replayer {
    /// One table for each policy, in their order, straight from a trace file: in one pass with flat memory where the
    /// trace allows it (`DemandStream`), else over its timeline. The result is the same, and does not depend on
    /// `threads`.
    ///
    /// - Parameters:
    ///   - recordedRules: the policy of the recording host; else what the trace's metadata names.
    ///   - trace: what to call the trace in the tables.
    /// - Throws: `TraceError` where the file is damaged, `ReplayFailure` where a policy failed or broke a law.
    public static func replay(
        _ reader: TraceReader, hostEvents: HostEventsFile? = nil, recordedRules: PolicyRules? = nil,
        under policies: [PlayedPolicy], threads: Int, trace: String? = nil, laws: LawWatch = .off
    ) throws -> [CountsTable] {
        let isPlain = laws == .off && hostEvents == nil && policies.allSatisfy { $0.external == nil }
        if isPlain, let stream = try DemandStream(reader, recordedRules: recordedRules) {
            return try replay(stream, under: policies.map(\.rules), threads: threads, trace: trace)
        }
        let timeline = try Timeline(reader, hostEvents: hostEvents, recordedRules: recordedRules)
        return try replay(timeline, under: policies, threads: threads, trace: trace, laws: laws)
    }

    /// The same for a stream: all policies play each batch while the next one is decoded.
    static func replay(
        _ stream: DemandStream, under rules: [PolicyRules], threads: Int, trace: String? = nil, memo: MemoUse = .on,
        order: Order = .byPCPU
    ) throws -> [CountsTable] {
        let players = rules.map { Player(stream, $0, memo) }
        // What is not remembered is played as it came.
        let order = players.allSatisfy(\.remembers) ? order : .merged
        let producer = try Producer(stream, order)
        let workers = min(max(1, threads), players.count + 1)
        var number = 0
        while try producer.isFilled() {
            // Nobody writes to it before all players are done.
            nonisolated(unsafe) let batch = producer.takeBatch()
            let first = number
            let next = Atomic(0)
            DispatchQueue.concurrentPerform(iterations: workers) { worker in
                if worker == 0 { producer.fill() }
                while true {
                    let player = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    if player >= players.count { return }
                    players[player].play(batch, from: first)
                }
            }
            number += batch.merged.operations.count
        }
        if producer.isUnsure {
            return try replay(stream, under: rules, threads: threads, trace: trace, memo: memo, order: .merged)
        }
        let end = stream.timeline.end
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: min(workers, players.count)) { _ in
            while true {
                let player = next.wrappingAdd(1, ordering: .relaxed).oldValue
                if player >= players.count { return }
                players[player].finish(at: end, producer.reach, order, trace: trace)
            }
        }
        return try players.enumerated().map { number, player in
            try player.table
                ?? replay(stream, under: [rules[number]], threads: threads, trace: trace, memo: .off)[0]
        }
    }

    /// Whether what operations do is remembered (`CellMemo`); the result is the same.
    enum MemoUse {
        case on, off
        /// With room for so many cells.
        case atMost(Int)
    }

    /// In which order demand is played; the result is the same.
    enum Order {
        /// As the trace has it.
        case merged
        /// What each pCPU does at a stretch (`LaneWalk`), as long as that is sure to make no difference.
        case byPCPU
    }

    private final class Batch {
        let merged = DemandBatch()
        let lanes = LaneBatch()
    }

    /// One policy's replay; one thread at a time plays it.
    private final class Player: @unchecked Sendable {
        var replayer: Replayer
        private let memo: CellMemo?

        init(_ stream: DemandStream, _ rules: PolicyRules, _ use: MemoUse) {
            replayer = Replayer(timeline: stream.timeline, rules: rules)
            replayer.machine.scheduler.eventIDs = .reused
            memo =
                switch use {
                case .on: CellMemo(replayer)
                case .off: nil
                case .atMost(let cells): CellMemo(replayer, mostCells: cells)
                }
            if memo != nil {
                replayer.sayings = .init(repeating: [], count: stream.timeline.demand.actors.vcpus.count)
            }
        }

        var remembers: Bool { memo != nil }

        func play(_ batch: Batch, from first: Int) {
            if let memo {
                memo.play(&replayer, batch.merged.operations)
                memo.play(&replayer, batch.lanes)
            } else {
                replayer.play(batch.merged.operations, from: first)
            }
        }

        /// What came of it; nil if that is of no use and must be done without a memo.
        private(set) var table: CountsTable?

        /// All was played.
        func finish(at end: UInt64, _ reach: TaintReach, _ order: Order, trace: String?) {
            if let memo {
                if memo.isAbandoned { return }
                memo.finish(&replayer)
            }
            replayer.reach = reach
            replayer.passTime(upTo: end)
            replayer.end(at: end)
            if order == .byPCPU { replayer.putInOrder() }
            table = replayer.table(trace: trace)
        }
    }

    /// Decodes one batch ahead of the players. One thread at a time uses it, and nobody plays the batch that it fills.
    private final class Producer: @unchecked Sendable {
        private(set) var reach: TaintReach
        /// The order in which batches come does not do.
        private(set) var isUnsure = false
        private var walk: DemandWalk?
        private var lanes: LaneWalk?
        private var ahead = Batch()
        private var played = Batch()
        private var outcome: Result<Bool, any Error> = .success(false)

        init(_ stream: DemandStream, _ order: Order) throws {
            reach = TaintReach(before: stream.timeline)
            switch order {
            case .merged: walk = try stream.operations()
            case .byPCPU: lanes = stream.lanes()
            }
            fill()
        }

        func fill() {
            outcome = Result {
                let isFilled = try next()
                if isFilled {
                    reach.take(ahead.merged.operations)
                    reach.take(ahead.lanes)
                } else {
                    reach.finish()
                }
                return isFilled
            }
        }

        private func next() throws -> Bool {
            if walk != nil { return try walk!.next(into: ahead.merged) }
            switch try lanes!.fill(ahead.lanes) {
            case .filled: return true
            case .atEnd: return false
            case .unsure:
                isUnsure = true
                return false
            }
        }

        /// Whether there is a batch to be taken.
        func isFilled() throws -> Bool { try outcome.get() }

        /// The batch filled last; the one taken before it is used again.
        func takeBatch() -> Batch {
            swap(&ahead, &played)
            return played
        }
    }
}
