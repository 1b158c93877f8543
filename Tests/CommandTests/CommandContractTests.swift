import Foundation
import Testing

/// What holds for every command that takes the same kind of thing.
@Suite("What commands have in common")
struct CommandContractTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    private static let trace = root + "/Traces/agent-starves-guest.vpt"

    /// One line for each command that takes a policy, up to where the policy stands.
    private static let takesPolicy: [[String]] = [
        ["replay", trace, "--policy"], ["compare", trace, "--policy"], ["plan", trace, "--policy"],
        ["explain", trace, "--policy"], ["report", trace, "-o", "page.html", "--policy"],
        ["synth", root + "/Traces/watchdogs.yaml", "-o", "made.vpt", "--policy"],
        ["bisect", trace, "--against", "emulated", "--policy"],
        ["reduce", trace, "--against", "emulated", "-o", "small.vpt", "--policy"],
        ["check", trace, "--baseline", "b", "--policy"],
    ]

    @Test(
        "a policy file that is missing or does not load ends with 125, in one line that names it",
        arguments: takesPolicy)
    func unusablePolicy(command: [String]) throws {
        let folder = try TemporaryFolder()
        try folder.write("broken.yaml", "name: mine\nguest-prority: ultimate\n")
        try folder.write("b", "")
        for policy in ["missing.yaml", "broken.yaml"] {
            let outcome = try Shell.run(Executable.url.path, command + [policy], in: folder.path)
            #expect(
                outcome.status == 125 || command[0] == "check" && outcome.status == 128, "\(policy): \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        }
    }

    @Test("a policy's name that nothing has is wrong usage", arguments: takesPolicy)
    func unknownPolicy(command: [String]) throws {
        let folder = try TemporaryFolder()
        let outcome = try Shell.run(Executable.url.path, command + ["emulatd"], in: folder.path)
        #expect(outcome.status == 129 || command[0] == "check" && outcome.status == 128, "\(outcome.errors)")
    }

    @Test(
        "a trace on standard input gives what the file gives",
        arguments: [
            ["reduce", "--policy", "emulated", "--against", "ultimate", "-o", "small.vpt"],
            ["explain", "--policy", "emulated", "--against", "ultimate"],
        ])
    func standardInput(command: [String]) throws {
        let folder = try TemporaryFolder()
        let piped = ([command[0], "-"] + command.dropFirst()).joined(separator: " ")
        let fromPipe = try Shell.run("sh", ["-c", "cat '\(Self.trace)' | vpmu \(piped)"], in: folder.path)
        let made = try? Data(contentsOf: URL(fileURLWithPath: folder.path + "/small.vpt"))
        try? FileManager.default.removeItem(atPath: folder.path + "/small.vpt")
        let fromFile = try Shell.run(
            Executable.url.path, [command[0], Self.trace] + command.dropFirst(), in: folder.path)
        #expect(fromPipe.status == fromFile.status && fromPipe.status < 2, "\(fromPipe.errors)")
        #expect(fromPipe.output == fromFile.output)
        #expect(made == (try? Data(contentsOf: URL(fileURLWithPath: folder.path + "/small.vpt"))))
    }

    @Test("an export overwrites nothing unless asked, is 0600 even then, and follows no link")
    func export() throws {
        let folder = try TemporaryFolder()
        try folder.write("out.csv", "mine")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder.path + "/out.csv")
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/link.csv", withDestinationPath: folder.path + "/out.csv")
        func export(_ output: String, _ options: String...) throws -> Int32 {
            try Shell.run(
                Executable.url.path, ["export", "--format", "csv", Self.trace, "-o", output] + options,
                in: folder.path
            ).status
        }
        #expect(try export("out.csv") == 128)
        #expect(try export("link.csv", "--force") == 128)
        #expect(try String(contentsOfFile: folder.path + "/out.csv", encoding: .utf8) == "mine")
        #expect(try export("out.csv", "--force") == 0)
        let mode = try FileManager.default.attributesOfItem(atPath: folder.path + "/out.csv")[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test(
        "an option that would have no effect is refused, not passed over",
        arguments: [
            ["replay", trace, "--self", "--check-laws"],
            ["replay", trace, "--policy", "none", "--decisions", "--costs", "costs.yaml"],
            ["dump", trace, "--decisions", "--skip-damage"], ["compare", trace, "--by-trace", "--costs", "costs.yaml"],
            ["compare", trace, "--all", "--json"],
        ])
    func withoutEffect(command: [String]) throws {
        #expect(try Executable.run(command).status == 129)
    }

    @Test("compare lists every series with --all, and says so where it leaves some out")
    func everySeries() throws {
        let folder = try TemporaryFolder()
        let vms = (0..<50).map {
            "  - {name: vm\($0), process: \(100 + $0), vcpus: [{cpu: 0}], "
                + "program: [{write: [0x38f, 1]}, {write: [0x186, 0x5300c0]}]}\n"
        }
        try folder.write(
            "many.yaml",
            "name: many\nprocessor: {model: skylake-sp, sockets: 1, cores: 1, smt: 1}\nkernel: 6.12.29\nduration: 200ms\n"
                + "rates:\n  guest: {instructions: 1G}\nvms:\n" + vms.joined())
        let made = try Shell.run(Executable.url.path, ["synth", "many.yaml", "-o", "many.vpt"], in: folder.path)
        try #require(made.status == 0, "\(made.errors)")
        let compare = ["compare", "many.vpt", "--policy", "emulated", "--policy", "none"]
        let short = try Shell.run(Executable.url.path, compare, in: folder.path).output
        let long = try Shell.run(Executable.url.path, compare + ["--all"], in: folder.path).output
        #expect(short.contains("more series (--all shows them)") && !short.contains("guest:vm49/0"), "\(short)")
        #expect(!long.contains("--all shows") && long.contains("guest:vm49/0"))
    }

    @Test("a difference that was there before the trace names no event of it")
    func beforeTrace() throws {
        let folder = try TemporaryFolder()
        let scenario = try String(contentsOfFile: Self.root + "/Traces/agent-starves-guest.yaml", encoding: .utf8)
            .replacingOccurrences(of: "cpus: all}", with: "cpus: all, from: before}")
        try folder.write("before.yaml", scenario)
        let made = try Shell.run(Executable.url.path, ["synth", "before.yaml", "-o", "before.vpt"], in: folder.path)
        try #require(made.status == 0, "\(made.errors)")
        let pair = ["before.vpt", "--policy", "emulated", "--against", Self.root + "/Traces/policies/firmware.yaml"]
        for command in [["explain"] + pair, ["bisect"] + pair, ["explain"] + pair + ["--json"]] {
            let outcome = try Shell.run(Executable.url.path, command, in: folder.path)
            #expect(outcome.status <= 1, "\(outcome.errors)")
            #expect(!outcome.output.contains("184467440737095516"), "\(outcome.output)")
        }
    }
}
