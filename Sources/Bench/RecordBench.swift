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
        var recorders: [Recorder] = []
        for source in ["tracefs", "perf"] {
            let arguments = ["record", "--force", "-o", own, "--source", source]
            if try vpmu.run(arguments + ["--duration", "50ms"]).status == 0 {
                recorders.append(Recorder(name: source, program: vpmu, arguments: arguments, settling: effort.settling))
            } else {
                outcome.skipped.append(
                    BenchSkip(
                        name: "record.*.\(source)-source", why: "vpmu record --source \(source) does not run here"))
            }
        }
        let peer = ["record", "-z", "-a", "-o", scratch.file("perf.data")] + events.arguments
        recorders.append(Recorder(name: "peer", program: perf, arguments: peer, settling: effort.settling))

        var cost = Rounds()
        var added: [String: [Double]] = [:]
        var unsteady: [Double] = []
        for round in 0..<effort.rounds {
            var traced: [String: Double] = [:]
            let before = try load.run().cpu
            // Whoever comes first in a round is another one each time.
            let first = round % recorders.count
            for recorder in recorders[first...] + recorders[..<first] {
                // What it takes to start and stop is taken off.
                let idle = try recorder.cpu {}
                let busy = try recorder.cpu { traced[recorder.name] = try load.run().cpu }
                try cost.run(1, [(recorder.name, { max(busy - idle, 1e-6) })])
            }
            let after = try load.run().cpu
            unsteady.append(abs(after - before))
            for (name, cpu) in traced { added[name, default: []].append(cpu - (before + after) / 2) }
        }
        func perAccess(_ seconds: [Double]) -> Double { Rounds.median(seconds) / Double(load.accesses) * 1e9 }
        let slowdowns = Slowdowns(added: added.mapValues(perAccess), noise: perAccess(unsteady))
        func perEvent(_ name: String) -> String {
            String(format: "%.2f CPU s per million accesses", cost.median(name) / Double(load.accesses) * 1e6)
        }
        for recorder in recorders where recorder.name != "peer" {
            outcome.add(
                "record.cpu.\(recorder.name)-source", 1 / cost.speed(recorder.name, over: "peer"), "of perf's CPU",
                peer: "perf record -z -a, \(perEvent("peer"))",
                how: "vpmu record --source \(recorder.name), \(perEvent(recorder.name)), \(load.accesses) accesses")
            addSlowdown(recorder.name, slowdowns, into: &outcome)
        }
        try lost(load, into: &outcome)
    }

    private func addSlowdown(_ name: String, _ slowdowns: Slowdowns, into outcome: inout BenchOutcome) {
        guard let own = slowdowns.added[name], let peer = slowdowns.added["peer"] else { return }
        guard own > 0, peer > slowdowns.noise else {
            let seen = String(
                format: "%.0f ns, perf's %.0f ns, while an untraced access varies by %.0f ns", own, peer,
                slowdowns.noise)
            outcome.skipped.append(
                BenchSkip(name: "record.slowdown.\(name)-source", why: "noise hides what tracing adds: \(seen)"))
            return
        }
        outcome.add(
            "record.slowdown.\(name)-source", own / peer, "of perf's slow-down",
            peer: String(format: "what perf record -z adds to a guest's access, %.0f ns", peer),
            how: String(format: "the same for vpmu record, %.0f ns", own))
    }

    /// Two guests at once, 1 MiB for each CPU.
    private func lost(_ load: GuestLoad, into outcome: inout BenchOutcome) throws {
        let scratch = try Scratch()
        let path = scratch.file("lost.vpt")
        let vpmu = PeerProgram(path: executable)
        guard let shell = PeerProgram("sh") else { return }
        let recorder = Recorder(
            name: "vpmu", program: vpmu, arguments: ["record", "-o", path, "--buffer", "1M"], settling: effort.settling)
        _ = try recorder.cpu {
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

/// Guests' CPU time for an access, ns.
private struct Slowdowns {
    /// What each recorder adds.
    var added: [String: Double]
    /// By how much it differs from one untraced run to the next.
    var noise: Double
}

private struct Recorder {
    var name: String
    var program: PeerProgram
    var arguments: [String]
    var settling: Double

    /// CPU seconds of the recorder, run around `body`.
    func cpu(_ body: () throws -> Void) throws -> Double {
        let running = try program.start(arguments)
        // Time to open its rings; what it takes is the same with and without `body`.
        usleep(UInt32(settling * 1e6))
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
}
