import Capture
import Foundation
import Synchronization

/// A guest that runs in a thread of its own while the test's thread records, and ends the recording when it is done.
final class BackgroundGuest: Sendable {
    private enum State: Sendable {
        case waiting
        case running
        case ended(Result<[GuestNotes], CaptureError>)
    }

    private let guest: Guest
    private let state = Mutex(State.waiting)

    init(_ guest: Guest) {
        self.guest = guest
    }

    /// Starts the guest at the first call.
    func startOnce() {
        let starts = state.withLock { state in
            guard case .waiting = state else { return false }
            state = .running
            return true
        }
        guard starts else { return }
        Thread.detachNewThread { [self] in
            let result = Result { try guest.run() }.mapError { $0 as? CaptureError ?? .usage("\($0)") }
            state.withLock { $0 = .ended(result) }
        }
    }

    var hasEnded: Bool {
        state.withLock { if case .ended = $0 { true } else { false } }
    }

    func notes() throws -> [GuestNotes] {
        try state.withLock { state in
            guard case .ended(let result) = state else { return [] }
            return try result.get()
        }
    }
}
