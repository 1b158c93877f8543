import ArgumentParser
import Foundation
import Host

struct ConformanceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conformance", abstract: "Compare the model with answers of the kernel's own scheduling code.")

    @Argument(help: "Case files, JSON lines, plain or .zst.") var files: [String]

    func run() throws {
        var passed = 0
        var failed = 0
        for file in files {
            let text = try Data(contentsOf: URL(fileURLWithPath: file))
            for outcome in try Conformance.run(lines: text) {
                if let difference = outcome.difference {
                    failed += 1
                    print("\(file):\(outcome.line): \(difference)")
                } else {
                    passed += 1
                }
            }
        }
        print("\(passed) passed, \(failed) failed")
        if failed > 0 { throw ExitCode(1) }
    }
}
