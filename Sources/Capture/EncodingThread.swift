import Foundation
import Trace

/// Encodes and writes on a thread of its own, so that a block that is being compressed keeps nobody from emptying the rings.
///
///     recorder's thread   append ── batch full ──► queue (bounded) ──►  encoder's thread: RotatingOutput, then the file
///
/// Everything reaches the output in the order in which it was handed over. Where the encoder does not keep up the recorder waits, and
/// what the kernel's rings then lose is counted there.
final class EncodingThread: TraceSink, @unchecked Sendable {
    private enum Work {
        case name(String)
        case events([TraceEvent])
        case lost(LostRecords)
        case tick(now: UInt64, metadata: TraceMetadata)
        case flush
        case finish(metadata: TraceMetadata)
    }

    /// What both threads see, under `lock`.
    private struct Shared {
        var queue: [Work] = []
        /// Work in the queue and at the encoder.
        var owed = 0
        var error: (any Error)?
        var decision = RecordingDecision.goOn
        var bytesWritten: UInt64 = 0
        var isClosed = false
        /// Emptied batches, to be filled again: their memory stays mapped.
        var spare: [[TraceEvent]] = []
    }

    private static let batch = 4096
    /// Some 15 MB of events.
    private static let mostOwed = 64
    private static let mostSpare = 4

    /// The encoder's alone once it runs; its owner may look at it when nothing is owed.
    let output: RotatingOutput
    private let lock = NSCondition()
    private var shared = Shared()
    private var events: [TraceEvent] = []
    private var nameIndex: [String: UInt32] = [:]

    /// Starts the thread, which has the signals and privileges that the caller's has now.
    init(_ output: RotatingOutput) {
        self.output = output
        events.reserveCapacity(Self.batch)
        Thread.detachNewThread { [self] in work() }
    }

    // MARK: The recorder's side

    func append(_ event: TraceEvent) throws {
        events.append(event)
        if events.count == Self.batch { try handOver() }
    }

    func append(_ lost: LostRecords) throws {
        try handOver()
        try add(.lost(lost))
    }

    func comm(_ comm: String) -> UInt32 {
        if let index = nameIndex[comm] { return index }
        let index = UInt32(nameIndex.count)
        nameIndex[comm] = index
        // The output numbers names as they come. One that it cannot have any more is no loss: the next record tells why.
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
        guard !events.isEmpty else { return }
        var full = lock.withLock { shared.spare.popLast() } ?? []
        full.reserveCapacity(Self.batch)
        swap(&full, &events)
        try add(.events(full))
    }

    private func add(_ work: Work) throws {
        try lock.withLock {
            while shared.owed >= Self.mostOwed, shared.error == nil { lock.wait() }
            if let error = shared.error { throw error }
            shared.queue.append(work)
            shared.owed += 1
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
        while var work = next() {
            var failure: (any Error)?
            var decision: RecordingDecision?
            // After the first error the rest is let go: the file ends there.
            if lock.withLock({ shared.error == nil }) {
                do { decision = try carryOut(work) } catch { failure = error }
            }
            let bytes = output.bytesWritten
            var emptied: [TraceEvent]?
            if case .events(var events) = work {
                work = .flush
                events.removeAll(keepingCapacity: true)
                emptied = events
            }
            lock.withLock {
                if let emptied, shared.spare.count < Self.mostSpare { shared.spare.append(emptied) }
                shared.owed -= 1
                shared.bytesWritten = bytes
                if let failure { shared.error = failure }
                if let decision { shared.decision = decision }
                lock.broadcast()
            }
        }
    }

    private func next() -> Work? {
        lock.withLock {
            while shared.queue.isEmpty {
                if shared.isClosed { return nil }
                lock.wait()
            }
            return shared.queue.removeFirst()
        }
    }

    private func carryOut(_ work: Work) throws -> RecordingDecision? {
        switch work {
        case .name(let name): _ = output.comm(name)
        case .events(let events): for event in events { try output.append(event) }
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
