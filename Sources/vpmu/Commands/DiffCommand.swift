import ArgumentParser
import Counts
import Report

extension Tolerance: ExpressibleByArgument {
    public init?(argument: String) { self.init(parsing: argument) }
}

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Compare the counts of two replays of the same trace.",
        discussion: """
            Example: vpmu diff before.counts after.counts --tolerance 0.1%

            Exact counts are compared by value. A count known only by its bounds is the same where both intervals lie \
            within the tolerance, different where they are disjoint, and cannot be judged otherwise. More silent or \
            blind time is worse, less is better.

            Exit status: 0 same, 1 different, 125 cannot judge, 128 unreadable, 129 wrong usage.
            """)

    @Argument(help: "The counts before: a counts file, or the JSON of vpmu replay --json.") var a: String
    @Argument(help: "The counts after.") var b: String
    @Option(help: "Counts this far apart are the same: 12, 0.5%, or both: 12,0.5%.") var tolerance = Tolerance.none
    @Option(help: "The same for times, in nanoseconds. Default: the percentage of --tolerance.")
    var timeTolerance: Tolerance?
    @Option(help: "Only this owner (guest:VM, guest:VM/VCPU, host:NAME); may be repeated.") var owner: [String] = []
    @Option(help: "Threads for files of raw columns.") var threads = 2
    @Flag(help: "Write JSON.") var json = false

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads \(threads) is not 1 to 256") }
    }

    func run() throws {
        let options = DiffOptions(tolerance: tolerance, timeTolerance: timeTolerance, owners: owner)
        let terminal = Terminal.standardOutput
        let answer: TableDiff.Answer
        if let columns = try ColumnsDiff.ofRawFiles(a, b, tolerance: tolerance, threads: threads) {
            print(try json ? columns.json() : columns.text(terminal), terminator: "")
            answer = columns.answer
        } else {
            let diff = TableDiff(try CountsTable(contentsOf: a), try CountsTable(contentsOf: b), options: options)
            print(try json ? diff.json() : diff.text(terminal), terminator: "")
            answer = diff.answer
        }
        if answer != .same { throw answer.exitStatus.code }
    }
}
