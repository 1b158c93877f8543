import Foundation
import Trace

/// Encodes and writes on a thread of its own, so that a block that is being compressed keeps nobody from emptying the
/// rings.
///
///     recorder's thread   append ── batch full ──► queue (bounded) ──►  encoder's thread: RotatingOutput, then the file
///
/// Everything reaches the output in the order in which it was handed over. Where the encoder does not keep up the
/// recorder waits, and what the kernel's rings then lose is counted there.
final class EncodingThread: TraceSink, @unchecked Sendable {
    private enum Work {
        case name(String)
        case events(EventBatch)
        case lost(LostRecords)
        case tick(now: UInt64, metadata: TraceMetadata)
        case flush
        case finish(metadata: TraceMetadata)
    }

    /// What both threads see, under `lock`.
    private struct Shared {
        var queue: [Work] = []
        /// Whether the encoder sleeps until it is woken.
        var isIdle = false
        /// Work in the queue and at the encoder.
        var owed = 0
        var error: (any Error)?
        var decision = RecordingDecision.goOn
        var bytesWritten: UInt64 = 0
        var isClosed = false
        /// Emptied batches, to be filled again: their memory stays mapped.
        var spare: [EventBatch] = []
    }

    /// Some 15 MB of events.
    private static let mostOwed = 64
    /// Batches that are worth waking the encoder for; fewer wait for the next tick.
    private static let worthWaking = 8

    /// The encoder's alone once it runs; its owner may look at it when nothing is owed.
    let output: RotatingOutput
    private let lock = NSCondition()
    private var shared = Shared()
    private var batch = EventBatch()
    private var nameIndex: [String: UInt32] = [:]

    /// Starts the thread, which has the signals and privileges that the caller's has now.
    init(_ output: RotatingOutput) {
        self.output = output
        Thread.detachNewThread { [self] in work() }
    }

    // MARK: The recorder's side

    func append(_ event: TraceEvent) throws {
        try withUnsafePointer(to: event) { try append(UnsafeBufferPointer(start: $0, count: 1)) }
    }

    func append(_ events: UnsafeBufferPointer<TraceEvent>) throws {
        var rest = events
        while !rest.isEmpty {
            rest = UnsafeBufferPointer(rebasing: rest[batch.fill(rest)...])
            if batch.isFull { try handOver() }
        }
    }

    func append(_ lost: LostRecords) throws {
        try handOver()
        try add(.lost(lost))
    }

    func comm(_ comm: String) -> UInt32 {
        if let index = nameIndex[comm] { return index }
        let index = UInt32(nameIndex.count)
        nameIndex[comm] = index
        // The output numbers names as they come. One that it cannot have any more is no loss: the next record tells
        // why.
        try? add(.name(comm))
        return index
    }

    /// Lets the output do what time asks for; answers what it decided the last time.
    func tick(now: UInt64, metadata: TraceMetadata) throws -> RecordingDecision {
        try handOver()
        try add(.tick(now: now, metadata: metadata))
        return lock.withLock { shared.decision }
    }

    /// Returns when everything handed over is in the file.
    func flush() throws {
        try handOver()
        try add(.flush)
        try waitUntilDone()
    }

    func finish(metadata: TraceMetadata) throws {
        try handOver()
        try add(.finish(metadata: metadata))
        try waitUntilDone()
    }

    /// Ends the thread once it has done what it owes; after that the output is the caller's.
    func close() {
        lock.withLock {
            shared.isClosed = true
            lock.broadcast()
            while shared.owed > 0 { lock.wait() }
        }
    }

    var bytesWritten: UInt64 { lock.withLock { shared.bytesWritten } }

    private func handOver() throws {
        guard !batch.isEmpty else { return }
        let full = batch
        batch = lock.withLock { shared.spare.popLast() } ?? EventBatch()
        try add(.events(full))
    }

    private func add(_ work: Work) throws {
        let mayWait =
            switch work {
            case .events, .name: true
            case .lost, .tick, .flush, .finish: false
            }
        try lock.withLock {
            while shared.owed >= Self.mostOwed, shared.error == nil { lock.wait() }
            if let error = shared.error { throw error }
            shared.queue.append(work)
            shared.owed += 1
            guard shared.isIdle, !mayWait || shared.queue.count >= Self.worthWaking else { return }
            shared.isIdle = false
            lock.broadcast()
        }
    }

    private func waitUntilDone() throws {
        try lock.withLock {
            while shared.owed > 0 { lock.wait() }
            if let error = shared.error { throw error }
        }
    }

    // MARK: The encoder's side

    private func work() {
        while let works = next() {
            for work in works { carryOutAndReport(work) }
        }
    }

    private func carryOutAndReport(_ work: Work) {
        var failure: (any Error)?
        var decision: RecordingDecision?
        // After the first error the rest is let go: the file ends there.
        if lock.withLock({ shared.error == nil }) {
            do { decision = try carryOut(work) } catch { failure = error }
        }
        let bytes = output.bytesWritten
        var emptied: EventBatch?
        if case .events(let batch) = work {
            batch.empty()
            emptied = batch
        }
        lock.withLock {
            // No more than were ever owed at once.
            if let emptied { shared.spare.append(emptied) }
            shared.owed -= 1
            shared.bytesWritten = bytes
            if let failure { shared.error = failure }
            if let decision { shared.decision = decision }
            lock.broadcast()
        }
    }

    /// All that is to be done; nil when there will be no more.
    private func next() -> [Work]? {
        lock.withLock {
            while shared.queue.isEmpty {
                if shared.isClosed { return nil }
                shared.isIdle = true
                lock.wait()
            }
            shared.isIdle = false
            defer { shared.queue.removeAll(keepingCapacity: true) }
            return shared.queue
        }
    }

    private func carryOut(_ work: Work) throws -> RecordingDecision? {
        switch work {
        case .name(let name): _ = output.comm(name)
        case .events(let batch): try output.append(batch.contents)
        case .lost(let lost): try output.append(lost)
        case .tick(let now, let metadata):
            output.metadata = metadata
            return try output.tick(now: now)
        case .flush: try output.flush()
        case .finish(let metadata):
            output.metadata = metadata
            try output.finish()
        }
        return nil
    }
}
