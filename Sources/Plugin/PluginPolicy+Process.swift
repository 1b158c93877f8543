import CPolicy
import Glibc

/// What goes wrong between two processes.
enum Trouble: Error {
    /// The other side closed the socket.
    case gone
    case late
    /// The other side does not keep to the agreed form.
    case nonsense
    /// Ours: the policy is not wanted any more.
    case refused
}

/// A moment of the monotonic clock that waiting must not go beyond.
struct Deadline {
    private let end: UInt64

    init(milliseconds: Int32) { end = Deadline.now() + UInt64(milliseconds) * 1_000_000 }

    /// Milliseconds that are left, 0 if none.
    var left: Int32 {
        let now = Deadline.now()
        return now >= end ? 0 : Int32((end - now + 999_999) / 1_000_000)
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

extension PluginPolicy {
    static func receive<Value: BitwiseCopyable>(_ descriptor: Int32, _ deadline: Deadline) throws(Trouble) -> Value {
        let room = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        defer { room.deallocate() }
        try receive(
            descriptor, deadline,
            into: UnsafeMutableRawBufferPointer(start: room, count: MemoryLayout<Value>.size))
        return room.pointee
    }

    static func receive(
        _ descriptor: Int32, _ deadline: Deadline, into room: UnsafeMutableRawBufferPointer
    ) throws(Trouble) {
        var got = 0
        while got < room.count {
            var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&watched, 1, deadline.left)
            if ready < 0, errno == EINTR { continue }
            if ready <= 0 { throw ready == 0 ? .late : .gone }
            let count = recv(descriptor, room.baseAddress! + got, room.count - got, 0)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { throw .gone }
            got += count
        }
    }

    static func hello(_ descriptor: Int32, _ milliseconds: Int32) throws(Trouble) -> vpmu_wire_hello {
        let hello: vpmu_wire_hello = try receive(descriptor, Deadline(milliseconds: max(milliseconds, 5000)))
        if hello.magic != VPMU_WIRE_MAGIC { throw .nonsense }
        return hello
    }

    static func text(of hello: vpmu_wire_hello) -> String {
        withUnsafeBytes(of: hello.text) { bytes in
            String(decoding: bytes.prefix { $0 != 0 && $0 != 0x0a }, as: UTF8.self)
        }
    }

    /// Why the policy that said hello cannot be used, nil if it can.
    static func objection(_ hello: vpmu_wire_hello, _ text: String) -> String? {
        switch hello.status {
        case VPMU_HELLO_GOOD.rawValue: nil
        case VPMU_HELLO_NOT_LOADED.rawValue: "cannot be loaded: \(text)"
        case VPMU_HELLO_NO_ENTRY.rawValue: "exports no vpmu_policy_entry, or that answers NULL"
        case VPMU_HELLO_WRONG_ABI.rawValue:
            "speaks version \(hello.abi) of the policy interface; this vpmu speaks \(VPMU_POLICY_ABI)"
        case VPMU_HELLO_INCOMPLETE.rawValue: "its table lacks a name or a function"
        default: "cannot be isolated: \(text)"
        }
    }

    /// Kills the policy if it still runs, waits for it, and says how it ended.
    static func end(_ trouble: Trouble, _ pid: pid_t, _ descriptor: Int32, _ milliseconds: Int32) -> String {
        var status: Int32 = 0
        var ended = trouble == .gone ? patientWait(pid, &status) : false
        if !ended {
            kill(pid, SIGKILL)
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            ended = trouble != .gone
        }
        close(descriptor)
        switch trouble {
        case .late: return "did not answer within \(milliseconds) ms"
        case .nonsense: return "does not keep to the form of answers"
        case .refused: return "not wanted any more"
        case .gone: break
        }
        let outcome = vpmu_policy_outcome(status)
        switch -outcome {
        case SIGSYS: return "made a system call that policies may not make (fork, exec, sockets, writing files)"
        case let signal where outcome < 0: return "crashed: \(String(cString: strsignal(signal)))"
        default: return "ended by itself with status \(outcome)"
        }
    }

    /// Gives a process that closed its socket a moment to die by itself, so that its reason is seen.
    private static func patientWait(_ pid: pid_t, _ status: inout Int32) -> Bool {
        for _ in 0..<200 {
            let result = waitpid(pid, &status, WNOHANG)
            if result == pid { return true }
            if result < 0, errno != EINTR { return true }
            usleep(5000)
        }
        return false
    }
}
