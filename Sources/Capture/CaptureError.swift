import Glibc

/// What kept a recording, a guest or a look at the host from working: one line that says what to do about it.
public enum CaptureError: Error, Equatable, CustomStringConvertible {
    /// A system call failed; `errno` is positive.
    case system(doing: String, errno: Int32, remedy: String?)
    /// A file of the kernel is there but does not hold what it should.
    case unreadable(path: String, reason: String)
    /// None of the tracepoints asked for exists here.
    case noTracepoints(reason: String)
    /// A guest program cannot be understood; lines count from 1.
    case program(line: Int, reason: String)
    /// A guest stopped for a reason that is not in its program.
    case guestStopped(vcpu: Int, access: Int, reason: UInt32, detail: UInt32)
    /// What was asked for makes no sense here.
    case usage(String)

    public var description: String {
        switch self {
        case .system(let doing, let code, let remedy):
            "cannot \(doing): \(String(cString: strerror(code)))" + (remedy.map { "; \($0)" } ?? "")
        case .unreadable(let path, let reason):
            "\(path): \(reason)"
        case .noTracepoints(let reason):
            "nothing to record: \(reason)"
        case .program(let line, let reason):
            "guest program, line \(line): \(reason)"
        case .guestStopped(let vcpu, let access, let reason, let detail):
            "vCPU \(vcpu) stopped at access \(access) with KVM exit reason \(reason) (detail \(detail)); "
                + "this KVM cannot run that access"
        case .usage(let text):
            text
        }
    }

    /// Turns a negative errno, as the functions of CLinux answer, into a thrown error.
    @discardableResult
    static func check<Number: SignedInteger>(
        _ value: Number, _ doing: @autoclosure () -> String, remedy: @autoclosure () -> String? = nil
    ) throws -> Number {
        guard value < 0 else { return value }
        throw CaptureError.system(doing: doing(), errno: Int32(-value), remedy: remedy())
    }
}
