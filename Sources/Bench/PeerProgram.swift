import Foundation

/// A real program to be measured against.
struct PeerProgram {
    let path: String

    /// Looks through PATH; nil where it is not installed.
    init?(_ name: String) {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        let places = folders.map { folder in "\(folder)/\(name)" }
        guard let path = places.first(where: { access($0, X_OK) == 0 }) else { return nil }
        self.path = path
    }

    init(path: String) {
        self.path = path
    }

    struct Run {
        var status: Int32
        /// Wall time, seconds.
        var wall: Double
        /// User and system time of the process and its waited-for children, seconds.
        var cpu: Double
        /// Greatest resident set, bytes.
        var memory: Int
    }

    /// Runs the program to its end; its output goes to `output`, or nowhere. Standard error is discarded.
    func run(_ arguments: [String], output: String = "/dev/null") throws(BenchError) -> Run {
        try start(arguments, output: output).wait()
    }

    /// A program on its way.
    struct Running {
        fileprivate var pid: pid_t
        fileprivate var since: Double

        /// Asks it to end as Ctrl-C would, and waits.
        func interrupt() -> Run {
            kill(pid, SIGINT)
            return wait()
        }

        func wait() -> Run {
            var status: Int32 = 0
            var usage = rusage()
            while wait4(pid, &status, 0, &usage) < 0, errno == EINTR {}
            let wall = Rounds.now() - since
            func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
            let code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f)
            return Run(
                status: code, wall: wall, cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime),
                memory: usage.ru_maxrss * 1024)
        }
    }

    /// Starts the program. Descriptors take the place of the files where they are given.
    func start(
        _ arguments: [String], output: String = "/dev/null", reading: Int32? = nil, writing: Int32? = nil
    ) throws(BenchError) -> Running {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let reading {
            posix_spawn_file_actions_adddup2(&actions, reading, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        if let writing {
            posix_spawn_file_actions_adddup2(&actions, writing, 1)
        } else {
            posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        }
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        // Worker threads block signals and shells ignore some; neither is the peer's business.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGINT, SIGTERM, SIGPIPE, SIGCHLD] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var argv = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var child = pid_t()
        let since = Rounds.now()
        let failure = posix_spawn(&child, path, &actions, &attributes, &argv, environ)
        guard failure == 0 else {
            throw BenchError("\(path): cannot run: \(String(cString: strerror(failure)))")
        }
        return Running(pid: child, since: since)
    }

    /// Runs `source` into this program through a pipe; the status, time and memory are this program's, and the source
    /// must end well.
    func run(_ arguments: [String], fedBy source: PeerProgram, _ sourceArguments: [String]) throws(BenchError) -> Run {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw BenchError("no pipe: \(String(cString: strerror(errno)))") }
        // Neither end may stay open in the program at the other.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { for end in ends where end >= 0 { close(end) } }
        let sink = try start(arguments, reading: ends[0])
        let feeder = try source.start(sourceArguments, writing: ends[1])
        for index in ends.indices {
            close(ends[index])
            ends[index] = -1
        }
        let run = sink.wait()
        let fed = feeder.wait()
        guard fed.status == 0 else {
            throw BenchError(
                "\(source.path) \(sourceArguments.joined(separator: " ")): ended with status \(fed.status)")
        }
        return run
    }

    /// The same, and any other exit status than those in `expected` is an error.
    func run(_ arguments: [String], expecting expected: [Int32], output: String = "/dev/null") throws(BenchError) -> Run
    {
        let run = try run(arguments, output: output)
        guard expected.contains(run.status) else {
            throw BenchError("\(path) \(arguments.joined(separator: " ")): ended with status \(run.status)")
        }
        return run
    }
}
