import CLinux
import Glibc

/// What a recorder waits for, all at once.
///
/// While one exists, signals are held (`HeldSignals`) and arrive here instead.
final class RecordingWaiter {
    enum Wake: Equatable {
        case ring(Int)
        /// A ring that will never be readable again: its CPU is gone.
        case ringGone(Int)
        case tick
        case durationOver
        case signal(Int32)
        case childEnded
        /// Control commands have arrived.
        case control
    }

    private enum Tag {
        static let tick: UInt64 = 1 << 32
        static let duration: UInt64 = 2 << 32
        static let signal: UInt64 = 3 << 32
        static let child: UInt64 = 4 << 32
        static let control: UInt64 = 5 << 32
    }

    private let held: HeldSignals
    private let epoll: Descriptor
    private let signals: Descriptor
    private let tick: Descriptor
    private let duration: Descriptor
    private let rings: [Int32]
    private var child: Descriptor?
    private var ready = [clinux_ready](repeating: clinux_ready(), count: 64)

    /// - Parameter tickNanoseconds: between two looks at rings that do not fill.
    init(descriptors: [Int32], tickNanoseconds: UInt64, duration nanoseconds: UInt64?) throws {
        rings = descriptors
        held = try HeldSignals()
        epoll = Descriptor(try CaptureError.check(clinux_epoll(), "wait for events"))
        signals = Descriptor(try CaptureError.check(clinux_signal_descriptor(), "wait for signals"))
        tick = Descriptor(try CaptureError.check(clinux_timer_descriptor(tickNanoseconds), "set a timer"))
        duration = Descriptor(try CaptureError.check(clinux_timer_descriptor(nanoseconds ?? 0), "set a timer"))
        try add(tick, Tag.tick)
        try add(duration, Tag.duration)
        try add(signals, Tag.signal)
        for (index, fd) in descriptors.enumerated() {
            try CaptureError.check(clinux_epoll_add(epoll.number, fd, UInt64(index)), "wait for events")
        }
    }

    func watch(_ process: Child) throws {
        let descriptor = Descriptor(
            try CaptureError.check(clinux_process_descriptor(process.pid), "wait for the command"))
        child = descriptor
        try add(descriptor, Tag.child)
    }

    func watch(_ control: RecordingControl) throws {
        try add(control.descriptor, Tag.control)
    }

    /// Sleeps until something happens; what has happened, rings first.
    func wait() throws -> [Wake] {
        let count = try CaptureError.check(
            clinux_epoll_wait(epoll.number, &ready, Int32(ready.count), -1), "wait for events")
        var wakes: [Wake] = []
        for item in ready[..<Int(count)].sorted(by: { $0.tag < $1.tag }) {
            switch item.tag {
            case Tag.tick: if clinux_timer_ticks(tick.number) > 0 { wakes.append(.tick) }
            case Tag.duration: if clinux_timer_ticks(duration.number) > 0 { wakes.append(.durationOver) }
            case Tag.signal:
                while case let number = clinux_next_signal(signals.number), number != 0 {
                    if [SIGINT, SIGTERM, SIGHUP, SIGUSR1].contains(number) { wakes.append(.signal(number)) }
                }
            case Tag.control: wakes.append(.control)
            case Tag.child:
                child = nil
                wakes.append(.childEnded)
            default:
                let index = Int(item.tag)
                wakes.append(.ring(index))
                if item.hung_up != 0 {
                    clinux_epoll_remove(epoll.number, rings[index])
                    wakes.append(.ringGone(index))
                }
            }
        }
        return wakes
    }

    private func add(_ descriptor: Descriptor, _ tag: UInt64) throws {
        try CaptureError.check(clinux_epoll_add(epoll.number, descriptor.number, tag), "wait for events")
    }
}

/// A command that was started, and must be waited for.
final class Child {
    let pid: pid_t

    init(_ arguments: [String]) throws {
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        pid = try CaptureError.check(
            clinux_spawn(&pointers), "run '\(arguments.first ?? "")'", remedy: "is it installed and in PATH?")
    }

    /// The exit code, or 128 + the signal that ended it.
    func wait() throws -> Int32 {
        var status: Int32 = 0
        try CaptureError.check(clinux_wait(pid, &status), "wait for the command")
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }

    /// Asks it to end, and waits until it has; one that does not within five seconds is killed.
    func terminate() throws {
        kill(pid, SIGTERM)
        var status: Int32 = 0
        for _ in 0..<500 {
            if waitpid(pid, &status, WNOHANG) != 0 { return }
            usleep(10_000)
        }
        kill(pid, SIGKILL)
        _ = try wait()
    }
}
