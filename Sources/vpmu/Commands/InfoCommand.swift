import ArgumentParser
import Trace

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Tell what a trace holds, what was lost, and what it cannot show.",
        discussion: """
            Example: vpmu info host.vpt

            Reads the index alone, whatever the size of the trace, unless only the names of threads could tell which \
            vCPU is which. A trace whose recorder was killed is shown as far as \
            it goes, and said to be unfinished.

            Exit status: 0 shown, 128 unreadable, 129 wrong usage.
            """)

    @Argument(help: "The trace; - is standard input.") var file: String
    @Flag(help: "Write JSON.") var json = false

    func run() throws {
        let reader = try TraceReader(path: file)
        TraceNotice.complain(about: reader)
        let info = try TraceInfo(reader)
        print(try json ? info.json() : info.text(), terminator: "")
    }
}
