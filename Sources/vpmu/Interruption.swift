import Foundation
import Synchronization

/// Ctrl-C during work that leaves something behind if the process just ends: the work is asked to stop at its next
/// step, and a second Ctrl-C ends the process at once.
enum Interruption: Error {
    case interrupted

    private static let isRaised = Atomic(false)

    /// Watches SIGINT and SIGTERM from here on. Programs that are started get the signals' defaults.
    static func watch() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                if Interruption.isRaised.exchange(true, ordering: .relaxed) {
                    signal(number, SIG_DFL)
                    raise(number)
                }
            }
        }
        // Whoever started the process may have had them blocked.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// - Throws: `interrupted` once a signal has come.
    static func check() throws {
        if isRaised.load(ordering: .relaxed) { throw Interruption.interrupted }
    }
}
