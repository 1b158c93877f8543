import Foundation

/// The `vpmu` of this build, as its users start it.
struct Executable {
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String
    }

    /// The executable lies beside the bundle of the tests.
    static let url: URL = {
        let arguments = CommandLine.arguments
        let bundle = arguments.first { $0.contains(".xctest") } ?? arguments[0]
        let beside = URL(fileURLWithPath: bundle.components(separatedBy: ".xctest")[0]).deletingLastPathComponent()
        return beside.appendingPathComponent("vpmu")
    }()

    static func start(
        _ arguments: [String], output: Any? = FileHandle.nullDevice, errors: Any? = FileHandle.nullDevice
    ) throws -> Process {
        let process = Process()
        process.executableURL = url
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }

    /// Runs it to its end. What it writes goes through files, so that it can never block on a full pipe.
    static func run(_ arguments: [String]) throws -> Outcome {
        let directory = try TemporaryDirectory()
        let output = directory.url.appendingPathComponent("out")
        let errors = directory.url.appendingPathComponent("err")
        for url in [output, errors] { _ = FileManager.default.createFile(atPath: url.path, contents: nil) }
        let process = try start(
            arguments, output: FileHandle(forWritingTo: output), errors: FileHandle(forWritingTo: errors))
        process.waitUntilExit()
        return Outcome(
            status: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
            output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
    }
}

/// A directory that goes with its last user.
final class TemporaryDirectory {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("vpmu-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }
}
