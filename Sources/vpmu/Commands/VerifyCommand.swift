import ArgumentParser
import Counts
import Trace

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check every checksum, length and count of a trace.",
        discussion: """
            Example: vpmu verify host.vpt

            Names each piece that is damaged or missing, with its offset. `vpmu salvage` keeps the rest.

            Exit status: 0 good, 1 damaged or unfinished, 128 unreadable, 129 wrong usage.
            """)

    @Argument(help: "The traces; - is standard input.") var files: [String]
    @Flag(help: "Write JSON, one object a line.") var json = false

    func run() throws {
        var isGood = true
        for file in files {
            let verification = try TraceVerification(path: file)
            isGood = isGood && verification.isGood
            if json {
                print(try verification.json())
            } else {
                for line in verification.lines { print(line) }
            }
        }
        if !isGood { throw ExitStatus.no.code }
    }
}
