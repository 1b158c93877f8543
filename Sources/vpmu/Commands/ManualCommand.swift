import ArgumentParser
import Foundation

struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual", abstract: "Write the man pages and shell completions.",
        discussion: """
            Example: vpmu manual --output /usr/local/share

            Below the folder: man/man1/*.1, bash-completion/completions/vpmu, zsh/site-functions/_vpmu and \
            fish/vendor_completions.d/vpmu.fish, where the systems look for them.
            """)

    @Option(name: .shortAndLong, help: "The folder, usually PREFIX/share.") var output: String

    func run() throws {
        for file in try ManualFiles.all() {
            let url = URL(fileURLWithPath: output).appendingPathComponent(file.path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(file.text.utf8).write(to: url, options: .atomic)
            print(url.path)
        }
    }
}
