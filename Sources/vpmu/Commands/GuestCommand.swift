import ArgumentParser
import Capture
import Foundation

struct GuestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guest", abstract: "Run a small real KVM guest that plays a program of register accesses.",
        discussion: """
            Example: vpmu record -o guest.vpt -- vpmu guest program.guest --vcpus 2 --notes notes.jsonl

            It is there to test recordings against something that knows the truth: the guest notes in its own memory which \
            accesses raised #GP. A program has one step a line: write REGISTER VALUE, read REGISTER, rdpmc COUNTER, exit, \
            pause MICROSECONDS, repeat N ... end; # starts a comment. The threads of its vCPUs are named CPU n/KVM.
            """)

    @Argument(help: "The program; - is standard input.") var program: String
    @Option(help: "Number of vCPUs, which all play the program.") var vcpus = 1
    @Option(help: "Times to play it; the notes are those of the last time.") var times = 1
    @Option(help: "Write what the guest noted here, one JSON object an access; - is standard output.") var notes:
        String?
    @Flag(help: "Replace the notes' file if it exists.") var force = false

    func validate() throws {
        guard times > 0 else { throw ValidationError("--times \(times) is not at least 1") }
        guard (1...32).contains(vcpus) else { throw ValidationError("--vcpus \(vcpus) is not 1 to 32") }
        if let notes, notes != "-", !force, FileManager.default.fileExists(atPath: notes) {
            throw ValidationError("\(notes): exists already; use --force to replace it, or give another name")
        }
    }

    func run() throws {
        let guest = try Guest(program: try GuestProgram(contentsOf: program), vcpus: vcpus)
        var outcome: [GuestNotes] = []
        for _ in 0..<times { outcome = try guest.run() }
        let accesses = outcome.reduce(0) { $0 + $1.accesses.count }
        let exceptions = outcome.reduce(0) { $0 + $1.accesses.filter(\.raisedGP).count }
        guard let notes else {
            print(
                "\(vcpus) vCPU\(vcpus == 1 ? "" : "s"): \(accesses) register accesses, of which \(exceptions) raised #GP."
            )
            return
        }
        let text = Data(outcome.map(\.jsonLines).joined().utf8)
        if notes == "-" {
            FileHandle.standardOutput.write(text)
        } else {
            try text.write(to: URL(fileURLWithPath: notes))
        }
    }
}
