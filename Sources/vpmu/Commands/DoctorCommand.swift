import ArgumentParser
import Capture
import Counts

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say whether this host can record, and what to do where it cannot.",
        discussion: """
            Example: vpmu doctor --json

            Exit status: 0 it can record, 1 it cannot.
            """)

    @Flag(help: "Write JSON.") var json = false

    func run() throws {
        let doctor = Doctor()
        print(try json ? doctor.json() : doctor.text, terminator: "")
        if !doctor.canRecord { throw ExitStatus.no.code }
    }
}
