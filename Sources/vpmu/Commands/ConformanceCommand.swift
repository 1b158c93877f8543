import ArgumentParser
import Counts
import Foundation
import Host
import PMU
import Trace

struct ConformanceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conformance", abstract: "Compare the model with answers of the kernel's own scheduling code.",
        discussion: """
            Examples: vpmu conformance sched.jsonl.zst assign.jsonl
                      vpmu conformance --perfmon skylakex_core.json.zst --model skylake-sp

            Each line of a file is a case: constraints to solve, or operations on one pCPU with the kernel's event \
            states, counters, rotate flags and register accesses after each.

            With --perfmon the files are Intel's lists of core events; printed are those for which the kernel's table \
            says otherwise than the list, with the row that does.

            Exit status: 0 all agree, or lists compared, 1 a case differs, 128 a file cannot be read or is no case \
            file, 129 wrong usage.
            """)

    @Argument(help: "Case files, JSON lines, plain or zstd.") var files: [String]
    @Flag(help: "The files are Intel's event lists.") var perfmon = false
    @Option(help: "The processor model for --perfmon.") var model: String?

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name at least one file") }
        if perfmon {
            guard let model else { throw ValidationError("--perfmon needs --model NAME") }
            guard ProcessorModel.named(model) != nil else {
                let names = ProcessorModel.all.map(\.name).joined(separator: ", ")
                throw ValidationError("no model \(model); there are \(names)")
            }
        } else if model != nil {
            throw ValidationError("--model goes with --perfmon")
        }
    }

    func run() throws {
        if perfmon { return try compareLists() }
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

    private func compareLists() throws {
        guard let model = ProcessorModel.named(model ?? "") else { return }
        for file in files {
            let list = try VendorEventList(json: CompressedFile.content(ofFile: file), file: file)
            let differences = try model.differences(from: list, column: .of(model))
            for difference in differences { print("\(file): \(difference)") }
            let otherwise = Set(differences.flatMap(\.events)).count
            print("\(file): \(list.events.count - otherwise) of \(list.events.count) events as listed on \(model.name)")
        }
    }
}
