import Glibc

/// Commands to a running recording, one a line, each answered once it has taken effect.
///
/// The protocol is that of `perf record --control`: the reader of the first FIFO is the recorder, and it writes `ack\n`
/// to the second.
///
/// | command             | effect                                             |
/// |---------------------|----------------------------------------------------|
/// | `enable`, `resume`  | records from now on                                 |
/// | `disable`, `pause`  | does not record from now on; the gap is told in the trace |
/// | `snapshot`          | writes out what the rings hold                      |
/// | `ping`              | nothing                                             |
/// | `stop`              | ends the recording                                  |
///
/// Anything else is answered `unknown\n`.
public final class RecordingControl {
    public enum Command: Equatable, Sendable {
        case resume, pause, snapshot, ping, stop
        case unknown
    }

    /// Where commands come from and acknowledgements go.
    public enum Endpoint: Equatable, Sendable {
        case fifos(control: String, acknowledge: String?)
        case descriptors(control: Int32, acknowledge: Int32?)

        /// `fifo:CONTROL[,ACK]` or `fd:N[,M]`; nil for anything else.
        public init?(_ text: String) {
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { return nil }
            let ends = parts[1].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            guard (1...2).contains(ends.count), ends.allSatisfy({ !$0.isEmpty }) else { return nil }
            switch parts[0] {
            case "fifo":
                self = .fifos(control: ends[0], acknowledge: ends.count == 2 ? ends[1] : nil)
            case "fd":
                let numbers = ends.compactMap { Int32($0) }
                guard numbers.count == ends.count, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
                self = .descriptors(control: numbers[0], acknowledge: numbers.count == 2 ? numbers[1] : nil)
            default: return nil
            }
        }
    }

    let descriptor: Descriptor
    private let acknowledgements: Descriptor?
    private var line: [UInt8] = []

    /// No command is longer; a longer line is unknown.
    private static let longestLine = 256

    init(_ endpoint: Endpoint) throws {
        switch endpoint {
        case .fifos(let control, let acknowledge):
            // For reading and writing, so that neither end has to be there first and none of them going away is an end.
            descriptor = Descriptor(try Self.open(control))
            acknowledgements = try acknowledge.map { Descriptor(try Self.open($0)) }
        case .descriptors(let control, let acknowledge):
            descriptor = Descriptor(try Self.duplicate(control))
            acknowledgements = try acknowledge.map { Descriptor(try Self.duplicate($0)) }
        }
    }

    /// The commands that have arrived.
    func commands() -> [Command] {
        var found: [Command] = []
        var buffer = [UInt8](repeating: 0, count: 512)
        while case let count = read(descriptor.number, &buffer, buffer.count), count > 0 {
            for byte in buffer[..<count] {
                if byte == UInt8(ascii: "\n") {
                    found.append(Self.command(String(decoding: line, as: UTF8.self)))
                    line = []
                } else if line.count < Self.longestLine {
                    line.append(byte)
                }
            }
        }
        return found
    }

    /// Says that a command has taken effect. A reader that does not read loses it.
    func acknowledge(_ command: Command) {
        guard let acknowledgements else { return }
        let text = command == .unknown ? "unknown\n" : "ack\n"
        _ = write(acknowledgements.number, text, text.utf8.count)
    }

    static func command(_ text: String) -> Command {
        switch text.filter({ $0 != "\r" && $0 != "\0" }) {
        case "enable", "resume": .resume
        case "disable", "pause": .pause
        case "snapshot": .snapshot
        case "ping": .ping
        case "stop": .stop
        default: .unknown
        }
    }

    private static func open(_ path: String) throws -> Int32 {
        let fd = Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        guard fd >= 0 else {
            throw CaptureError.system(
                doing: "open the control FIFO \(path)", errno: errno, remedy: "make it first: mkfifo \(path)")
        }
        var status = stat()
        guard fstat(fd, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
            close(fd)
            throw CaptureError.usage("\(path) is no FIFO; make one with mkfifo")
        }
        return fd
    }

    private static func duplicate(_ number: Int32) throws -> Int32 {
        let fd = fcntl(number, F_DUPFD_CLOEXEC, 3)
        guard fd >= 0 else {
            throw CaptureError.system(doing: "use descriptor \(number) for control", errno: errno, remedy: nil)
        }
        _ = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)
        return fd
    }
}
