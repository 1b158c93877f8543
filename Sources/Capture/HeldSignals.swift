import CLinux
import Glibc

/// Keeps SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 from ending this process; they wait until somebody asks for them,
/// or until they are released. For the calling thread, which must be the one that releases.
final class HeldSignals {
    private var before = sigset_t()
    private var isHolding = true

    init() throws {
        try CaptureError.check(clinux_block_signals(&before), "hold signals")
    }

    func release() {
        guard isHolding else { return }
        isHolding = false
        clinux_restore_signals(&before)
    }

    deinit {
        release()
    }
}
