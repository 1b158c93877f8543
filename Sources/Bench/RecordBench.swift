import Foundation
import Trace

/// Recording real guests: the recorder's own CPU, what it costs the guest, and whether anything is lost; against
/// `perf record -z` of the same tracepoints with the same filters.
struct RecordBench {
    let effort: BenchEffort
    let executable: String

    func run(into outcome: inout BenchOutcome) throws {
        let scratch = try Scratch()
        let perf: PeerProgram
        let load: GuestLoad
        let events: PerfEvents
        let vpmu = PeerProgram(path: executable)
        do {
            perf = try GuestCapture.perf()
            load = try GuestLoad(scratch, executable: executable, accesses: effort.guestAccesses)
            events = try PerfEvents(vpmu, scratch)
        } catch let error as BenchError {
            outcome.skipped.append(BenchSkip(name: "record", why: error.description))
            return
        }
        let own = scratch.file("own.vpt")
        let recorders: [(name: String, program: PeerProgram, arguments: [String])] = [
            ("vpmu", vpmu, ["record", "--force", "-o", own]),
            (
                "perf", perf,
                ["record", "-z", "-a", "-o", scratch.file("perf.data")] + events.arguments
            ),
        ]
        var cpu = Rounds()
        var slowdown: [Double] = []
        var untraced: [Double] = []
        for _ in 0..<effort.rounds {
            let bare = try load.run().cpu
            untraced.append(bare)
            var traced: [String: Double] = [:]
            for recorder in recorders {
                // What it takes to start and stop, taken off.
                let idle = try record(recorder.program, recorder.arguments) {}
                let busy = try record(recorder.program, recorder.arguments) {
                    traced[recorder.name] = try load.run().cpu
                }
                try cpu.run(1, [(recorder.name, { max(busy - idle, 1e-6) })])
            }
            if let own = traced["vpmu"], let peer = traced["perf"], peer > bare {
                slowdown.append(max(own - bare, 0) / (peer - bare))
            }
        }
        let recorded = try TraceReader(path: own).eventCount
        func perEvent(_ name: String) -> String {
            String(format: "%.2f CPU s per million accesses", cpu.median(name) / Double(load.accesses) * 1e6)
        }
        outcome.add(
            "record.cpu.perf-source", 1 / cpu.speed("vpmu", over: "perf"), "of perf's CPU",
            peer: "perf record -z -a, \(perEvent("perf"))", how: "vpmu record, \(perEvent("vpmu")), \(recorded) records"
        )
        if !slowdown.isEmpty {
            outcome.add(
                "record.slowdown.perf-source", Rounds.median(slowdown), "of perf's slow-down",
                peer: "CPU time of guests under perf record -z",
                how: String(format: "guests untraced %.2f CPU s", Rounds.median(untraced)))
        }
        try lost(load, into: &outcome)
    }

    /// CPU seconds of a recorder around `body`.
    private func record(_ program: PeerProgram, _ arguments: [String], _ body: () throws -> Void) throws -> Double {
        let running = try program.start(arguments)
        usleep(1_000_000)
        do {
            try body()
        } catch {
            _ = running.interrupt()
            throw error
        }
        let run = running.interrupt()
        guard run.status == 0 || run.status == 130 else {
            throw BenchError("\(program.path) \(arguments[0]): ended with status \(run.status)")
        }
        return run.cpu
    }

    /// Two guests at once, 1 MiB for each CPU.
    private func lost(_ load: GuestLoad, into outcome: inout BenchOutcome) throws {
        let scratch = try Scratch()
        let path = scratch.file("lost.vpt")
        let vpmu = PeerProgram(path: executable)
        guard let shell = PeerProgram("sh") else { return }
        _ = try record(vpmu, ["record", "-o", path, "--buffer", "1M"]) {
            let second = try shell.start(Array(load.command.dropFirst()))
            _ = try load.run()
            guard second.wait().status == 0 else { throw BenchError("the second guest failed") }
        }
        let trace = try TraceReader(path: path)
        let lost = trace.lost.reduce(UInt64(0)) { $0 + ($1.count ?? 1) }
        outcome.add(
            "record.lost", Double(lost), "records lost", peer: "1 MiB of buffer per CPU, two busy guests",
            how: "\(trace.eventCount) records")
    }
}
