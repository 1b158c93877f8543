import ArgumentParser
import Foundation
import Trace

struct ScrubCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scrub", abstract: "Copy a trace without what identifies its host and guests.",
        discussion: """
            Example: vpmu scrub host.vpt -o public.vpt

            Removes names of host, VMs and threads, process and thread ids (renumbered), instruction pointers, the wall \
            clock and the command line; every policy's verdict stays the same. Says what it cannot hide.

            Exit status: 0 done, 128 unreadable or damaged, or cannot be written, 129 wrong usage.
            """)

    @Argument(help: "The trace; - is standard input.") var file: String
    @Option(name: .shortAndLong, help: "The trace to write, 0600; - is standard output.") var output: String
    @Flag(help: "Replace the output if it exists.") var force = false

    func run() throws {
        let scrub = try TraceScrub(from: file, to: output, existing: force ? .replace : .refuse)
        let done = "\(scrub.events) events, \(scrub.threads) threads renumbered, \(scrub.names) names replaced"
        FileHandle.standardError.write(Data(([done] + TraceScrub.remains).joined(separator: "\n").utf8 + [0x0A]))
    }
}
