import Foundation
import Plugin
import Policy

/// Compiles policies in C and finds the program that runs them.
enum Workshop {
    static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// A C compiler of this machine, nil if it has none.
    static let compiler: URL? = ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"].map(URL.init(fileURLWithPath:))
        .first { FileManager.default.isExecutableFile(atPath: $0.path) }

    /// The executable lies beside the bundle of the tests.
    static let vpmu: String = {
        let arguments = CommandLine.arguments
        let bundle = arguments.first { $0.contains(".xctest") } ?? arguments[0]
        return URL(fileURLWithPath: bundle.components(separatedBy: ".xctest")[0]).deletingLastPathComponent()
            .appendingPathComponent("vpmu").path
    }()

    struct CompilerFailed: Error { var source: String }

    /// Hands a shared object made of `source` to `body`; it is gone afterwards.
    static func with<Answer>(
        _ source: String, define: String? = nil, _ body: (String) throws -> Answer
    ) throws -> Answer {
        let object = FileManager.default.temporaryDirectory.appendingPathComponent("vpmu-\(UUID().uuidString).so")
        defer { try? FileManager.default.removeItem(at: object) }
        let process = Process()
        process.executableURL = compiler
        process.arguments =
            [
                "-std=gnu11", "-shared", "-fPIC", "-O1", "-w", "-I",
                package.appendingPathComponent("Sources/CPolicy/include").path,
            ]
            + (define.map { ["-D", $0] } ?? [])
            + ["-o", object.path, package.appendingPathComponent(source).path]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CompilerFailed(source: source) }
        return try body(object.path)
    }

    struct Outcome {
        var status: Int32
        var output: String
        var errors: String
    }

    /// Runs the real command to its end.
    static func run(_ arguments: [String]) throws -> Outcome {
        let base = FileManager.default.temporaryDirectory.appendingPathComponent("vpmu-\(UUID().uuidString)").path
        defer { for kind in ["out", "err"] { try? FileManager.default.removeItem(atPath: "\(base).\(kind)") } }
        for kind in ["out", "err"] { _ = FileManager.default.createFile(atPath: "\(base).\(kind)", contents: nil) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: vpmu)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: "\(base).out")
        process.standardError = FileHandle(forWritingAtPath: "\(base).err")
        try process.run()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
            output: try String(contentsOfFile: "\(base).out", encoding: .utf8),
            errors: try String(contentsOfFile: "\(base).err", encoding: .utf8))
    }

    static func load(_ path: String, pcpus: Int = 1, gp: Int = 4, fixed: Int = 3, milliseconds: Int32 = 20_000) throws
        -> PluginPolicy
    {
        try PluginPolicy(
            path: path, executable: vpmu, pcpus: pcpus, limits: PMULimits(gp: gp, fixed: fixed), rules: .emulated,
            milliseconds: milliseconds)
    }
}
