import ArgumentParser
import Host

struct ConformanceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conformance", abstract: "Compare the model with answers of the kernel's own scheduling code.",
        discussion: """
            Example: vpmu conformance sched.jsonl.zst assign.jsonl

            Each line of a file is a case: constraints to solve, or operations on one pCPU with the kernel's event \
            states, counters, rotate flags and register accesses after each.

            Exit status: 0 all agree, 1 a case differs, 128 a file cannot be read or is no case file, 129 wrong usage.
            """)

    @Argument(help: "Case files, JSON lines, plain or zstd.") var files: [String]

    func run() throws {
        var passed = 0
        var failed = 0
        let line = ProgressLine()
        for file in files {
            try Conformance.run(file: file) { outcome, percent in
                line.show("\(file): \(percent) %, \(passed) passed, \(failed) failed")
                guard let difference = outcome.difference else {
                    passed += 1
                    return
                }
                failed += 1
                line.clear()
                print("\(file):\(outcome.line): \(difference)")
            }
        }
        line.clear()
        print("\(passed) passed, \(failed) failed")
        if failed > 0 { throw ExitStatus.no.code }
    }
}
