import Trace

/// Events on their way from the recorder's thread to the encoder's: flat memory that is filled, emptied and filled
/// again.
///
/// Whoever holds the only reference may write to it.
final class EventBatch {
    static let capacity = 4096

    private let events: UnsafeMutablePointer<TraceEvent>
    private(set) var count = 0

    init() {
        events = .allocate(capacity: Self.capacity)
    }

    deinit {
        events.deallocate()
    }

    var isFull: Bool { count == Self.capacity }
    var isEmpty: Bool { count == 0 }
    var contents: UnsafeMutableBufferPointer<TraceEvent> { .init(start: events, count: count) }

    /// Takes as many of `more` as there is room for; answers how many.
    func fill(_ more: UnsafeBufferPointer<TraceEvent>) -> Int {
        let taken = min(more.count, Self.capacity - count)
        guard taken > 0, let source = more.baseAddress else { return 0 }
        (events + count).update(from: source, count: taken)
        count += taken
        return taken
    }

    func empty() { count = 0 }
}
