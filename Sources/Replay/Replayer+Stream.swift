import Counts
import Dispatch
import Host
import Policy
import Synchronization
import Timeline
import Trace

extension Replayer {
    /// One table for each policy, in their order, straight from a trace file: in one pass with flat memory where the trace allows
    /// it (`DemandStream`), else over its timeline. The result is the same, and does not depend on `threads`.
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
        _ stream: DemandStream, under rules: [PolicyRules], threads: Int, trace: String? = nil, memo: MemoUse = .on
    ) throws -> [CountsTable] {
        let players = rules.map { rules in
            var replayer = Replayer(timeline: stream.timeline, rules: rules)
            replayer.machine.scheduler.eventIDs = .reused
            return Player(replayer, memo)
        }
        let producer = try Producer(stream)
        let workers = min(max(1, threads), players.count + 1)
        var number = 0
        while try producer.isFilled() {
            // Nobody writes to it before all players are done.
            nonisolated(unsafe) let operations = producer.takeBatch().operations
            let first = number
            let next = Atomic(0)
            DispatchQueue.concurrentPerform(iterations: workers) { worker in
                if worker == 0 { producer.fill() }
                while true {
                    let player = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    if player >= players.count { return }
                    players[player].play(operations, from: first)
                }
            }
            number += operations.count
        }
        return try players.enumerated().map { number, player in
            guard player.finish() else {
                return try replay(stream, under: [rules[number]], threads: threads, trace: trace, memo: .off)[0]
            }
            player.replayer.reach = producer.reach
            player.replayer.passTime(upTo: stream.timeline.end)
            player.replayer.end(at: stream.timeline.end)
            return player.replayer.table(trace: trace)
        }
    }

    /// Whether what operations do is remembered (`CellMemo`); the result is the same.
    enum MemoUse {
        case on, off
        /// With room for so many cells.
        case atMost(Int)
    }

    /// One policy's replay; one thread at a time plays it.
    private final class Player: @unchecked Sendable {
        var replayer: Replayer
        private let memo: CellMemo?

        init(_ replayer: Replayer, _ use: MemoUse) {
            self.replayer = replayer
            memo =
                switch use {
                case .on: CellMemo(replayer)
                case .off: nil
                case .atMost(let cells): CellMemo(replayer, mostCells: cells)
                }
            if memo != nil {
                self.replayer.sayings = .init(repeating: [], count: replayer.timeline.demand.actors.vcpus.count)
            }
        }

        func play(_ operations: UnsafeBufferPointer<DemandOperation>, from first: Int) {
            if let memo { memo.play(&replayer, operations) } else { replayer.play(operations, from: first) }
        }

        /// All was played; false if that was of no use and must be done without a memo.
        func finish() -> Bool {
            guard let memo else { return true }
            if !memo.isAbandoned { memo.finish(&replayer) }
            return !memo.isAbandoned
        }
    }

    /// Decodes one batch ahead of the players. One thread at a time uses it, and nobody plays the batch that it fills.
    private final class Producer: @unchecked Sendable {
        private(set) var reach: TaintReach
        private var walk: DemandWalk
        private var ahead = DemandBatch()
        private var played = DemandBatch()
        private var outcome: Result<Bool, any Error> = .success(false)

        init(_ stream: DemandStream) throws {
            reach = TaintReach(before: stream.timeline)
            walk = try stream.operations()
            fill()
        }

        func fill() {
            outcome = Result {
                let isFilled = try walk.next(into: ahead)
                if isFilled { reach.take(ahead.operations) } else { reach.finish() }
                return isFilled
            }
        }

        /// Whether there is a batch to be taken.
        func isFilled() throws -> Bool { try outcome.get() }

        /// The batch filled last; the one taken before it is used again.
        func takeBatch() -> DemandBatch {
            swap(&ahead, &played)
            return played
        }
    }
}
