import Bisect
import Counts
import Foundation
import Policy
import Replay
import Testing
import Timeline
import Trace

/// Policies in C, played over traces by the library and by the real commands.
@Suite("Policies in C on traces", .enabled(if: Workshop.compiler != nil, "needs a C compiler"))
struct ReplayedPolicyTests {
    static let traces: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.filter { $0.hasSuffix(".vpt") }.sorted()
    }()
    static let folder = Workshop.package.appendingPathComponent("Traces").path

    @Test("the example in C gives the counts file of emulated, byte for byte, on every trace, with the laws on")
    func sameBytes() throws {
        #expect(!Self.traces.isEmpty)
        try Workshop.with("Tools/policies/perf_like.c") { object in
            let theirs = PlayedPolicy(sharedObject: object, executable: Workshop.vpmu)
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: directory) }
            for name in Self.traces {
                let timeline = try Timeline(TraceReader(path: "\(Self.folder)/\(name)"))
                var played = try Replayer.replay(timeline, under: theirs, laws: .on)
                #expect(played.policy == "perf-like")
                played.policy = "emulated"
                let bytes = try [Replayer.replay(timeline, under: .emulated), played].enumerated().map {
                    let path = directory.appendingPathComponent("\(name).\($0)").path
                    try $1.write(to: path, existing: .keep)
                    return try Data(contentsOf: URL(fileURLWithPath: path))
                }
                #expect(bytes[0] == bytes[1], "\(name)")
            }
        }
    }

    @Test("replay, compare and check take a policy in C, and its results differ from emulated in the name alone")
    func commands() throws {
        try Workshop.with("Tools/policies/perf_like.c") { object in
            for name in Self.traces {
                let trace = "\(Self.folder)/\(name)"
                let ours = try Workshop.run(["replay", trace, "--policy", "emulated", "--json"])
                let theirs = try Workshop.run(["replay", trace, "--policy", object, "--json", "--check-laws"])
                #expect(ours.status == 0 && theirs.status == 0, "\(name): \(theirs.errors)")
                #expect(
                    theirs.output.replacingOccurrences(of: "\"perf-like\"", with: "\"emulated\"") == ours.output,
                    "\(name)")
            }
            for name in Self.traces {
                let decisions = try ["emulated", object].map {
                    try Workshop.run(["replay", "\(Self.folder)/\(name)", "--policy", $0, "--decisions"])
                }
                #expect(decisions[0].status == 0 && !decisions[0].output.isEmpty)
                #expect(decisions[0].output == decisions[1].output, "\(name)")
            }
            let trace = "\(Self.folder)/error-cascade.vpt"
            let compared = try Workshop.run(["compare", trace, "--policy", "emulated", "--policy", object])
            #expect(compared.status == 0)
            #expect(compared.output.contains("perf-like changes nothing against emulated."))
            let baseline = object + ".baseline"
            defer { try? FileManager.default.removeItem(atPath: baseline) }
            let update = ["check", trace, "--policy", "emulated", "--baseline", baseline, "--update"]
            #expect(try Workshop.run(update).status == 0)
            let checked = try Workshop.run(["check", trace, "--policy", object, "--baseline", baseline, "--check-laws"])
            #expect(checked.status == 0, "\(checked.output)\(checked.errors)")
        }
    }

    @Test(
        "a hostile policy ends the command with 125, named with what it was doing, and leaves no counts behind",
        arguments: [
            ("SEGFAULT", "at `install event 1`: crashed: Segmentation fault"),
            ("ENDLESS_LOOP", "at `install event 1`: did not answer within 2000 ms"),
            ("DOUBLE_BOOKING", "at `install event 1`: law one-holder broken"),
            ("FORK_BOMB", "at `install event 1`: made a system call that policies may not make"),
            ("WRONG_ABI", "while it was loaded: speaks version 99 of the policy interface; this vpmu speaks 1"),
        ])
    func contained(_ crime: String, _ reason: String) throws {
        try Workshop.with("Tests/PluginTests/Hostile/hostile.c", define: "CRIME=\(crime)") { object in
            let trace = "\(Self.folder)/agent-starves-guest.vpt"
            let counts = object + ".counts"
            let replayed = try Workshop.run(["replay", trace, "--policy", object, "-o", counts])
            #expect(replayed.status == 125)
            #expect(!FileManager.default.fileExists(atPath: counts))
            let name = crime == "WRONG_ABI" ? object : "hostile (\(object))"
            // The operation in which the crime happens is the first install that commits it.
            let pattern = reason.replacingOccurrences(of: "install event 1", with: "install event [01]")
            #expect(
                replayed.errors.range(
                    of: "^vpmu: policy \(NSRegularExpression.escapedPattern(for: name)): "
                        + pattern, options: .regularExpression) != nil,
                "\(replayed.errors)")
            #expect(replayed.errors.filter { $0 == "\n" }.count == 1)
            let compared = try Workshop.run(["compare", trace, "--policy", "emulated", "--policy", object])
            #expect(compared.status == 125 && compared.output.isEmpty)
        }
    }

    @Test("a policy in C that is not there is a revision not to be judged", arguments: ["replay", "explain"])
    func missing(command: String) throws {
        let outcome = try Workshop.run([command, "\(Self.folder)/agent-starves-guest.vpt", "--policy", "./nowhere.so"])
        #expect(outcome.status == 125)
    }
}
