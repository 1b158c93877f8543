import Foundation
import Synchronization

/// Runs a program to its end and keeps what it wrote.
struct Subprocess: Sendable {
    var status: Int32
    var output: Data
    var errors: Data

    var text: String { String(decoding: output, as: UTF8.self) }
    /// The last line of the error output that says something.
    var lastError: String {
        String(decoding: errors, as: UTF8.self).split(separator: "\n").last.map(String.init) ?? "status \(status)"
    }

    /// Both streams are drained while the program runs, so that a chatty one never blocks on a full pipe.
    ///
    /// - Throws: what Foundation throws if the program cannot be started.
    static func run(_ program: String, _ arguments: [String], directory: String? = nil) throws -> Subprocess {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let collected = Mutex(Data())
        let reader = errors.fileHandleForReading
        let group = DispatchGroup()
        DispatchQueue.global().async(group: group) {
            let data = reader.readDataToEndOfFile()
            collected.withLock { $0 = data }
        }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        group.wait()
        process.waitUntilExit()
        return Subprocess(status: process.terminationStatus, output: data, errors: collected.withLock { $0 })
    }
}
