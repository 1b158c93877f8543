import ArgumentParser
import Foundation
import Trace

struct SalvageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "salvage", abstract: "Make a whole trace of what can be read of a damaged or unfinished one.",
        discussion: """
            Example: vpmu salvage damaged.vpt -o mended.vpt

            Keeps every block before and behind the damage. What is missing becomes lost records of its CPU and \
            interval, so that no replay takes the gap for silence.

            Exit status: 0 done, 128 nothing can be read or written, 129 wrong usage.
            """)

    @Argument(help: "The trace; - is standard input.") var file: String
    @Option(name: .shortAndLong, help: "The trace to write, 0600; - is standard output.") var output: String
    @Flag(help: "Replace the output if it exists.") var force = false

    func run() throws {
        let salvage = try TraceSalvage(from: file, to: output, existing: force ? .replace : .refuse)
        FileHandle.standardError.write(Data(salvage.lines(of: file).joined(separator: "\n").utf8 + [0x0A]))
    }
}
