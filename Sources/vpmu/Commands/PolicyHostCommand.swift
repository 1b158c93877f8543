import ArgumentParser
import CPolicy

/// The process that a policy in a shared object runs in; vpmu starts it by itself.
struct PolicyHostCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy-host", abstract: "Serve a policy to the vpmu that started this process.",
        shouldDisplay: false)

    @Argument(help: "The shared object.") var path: String

    func run() throws {
        throw ExitCode(vpmu_policy_serve(path))
    }
}
