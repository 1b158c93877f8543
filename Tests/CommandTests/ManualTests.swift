import Foundation
import Testing

@Suite("Man pages and completions")
struct ManualTests {
    private func made() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let outcome = try Shell.vpmu("manual", "--output", folder.path)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return folder
    }

    private func commands() throws -> [String] {
        let help = try Shell.vpmu("--help").output
        let lines = help.components(separatedBy: "SUBCOMMANDS:")[1].split(separator: "\n")
        return lines.filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
            .compactMap { $0.split(separator: " ").first.map(String.init) }.filter { $0 != "See" }
    }

    @Test("each command has a man page with its name, synopsis and options")
    func pages() throws {
        let folder = try made()
        let commands = try commands()
        #expect(commands.contains("diff"))
        for command in commands {
            let page = try String(
                contentsOfFile: "\(folder.path)/man/man1/vpmu-\(command).1", encoding: .utf8)
            for part in [".TH \"VPMU\\-\(command.uppercased())\" 1", ".SH NAME", ".SH SYNOPSIS", ".SH EXIT STATUS"] {
                #expect(page.contains(part), "\(command): \(part)")
            }
        }
    }

    @Test(
        "man pages are clean roff",
        .enabled(if: Shell.isInstalled("groff"), "no groff here (apt-get install groff)"))
    func roff() throws {
        let folder = try made()
        let pages = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/man/man1").sorted()
        #expect(!pages.isEmpty)
        for page in pages {
            let outcome = try Shell.run(
                "groff", ["-man", "-ww", "-Tutf8", "-z", "\(folder.path)/man/man1/\(page)"])
            #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(page): \(outcome.errors)")
        }
    }

    @Test(
        "the bash completion loads and offers the commands",
        .enabled(if: Shell.isInstalled("bash"), "no bash here"))
    func bash() throws {
        let folder = try made()
        let script = """
            . '\(folder.path)/bash-completion/completions/vpmu' || exit 9
            COMP_WORDS=(vpmu di); COMP_CWORD=1; COMP_LINE='vpmu di'; COMP_POINT=7; COMP_TYPE=9
            $(complete -p vpmu | sed 's/.*-F \\([^ ]*\\) .*/\\1/') vpmu di vpmu
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        let outcome = try Shell.run("bash", ["-c", script])
        #expect(
            outcome.output.split(whereSeparator: \.isWhitespace).contains("diff"), "\(outcome.output)\(outcome.errors)")
    }

    private static let otherShells = [
        ("zsh", "zsh/site-functions/_vpmu"), ("fish", "fish/vendor_completions.d/vpmu.fish"),
    ]

    @Test("the completions of zsh and fish name every command", arguments: otherShells)
    func namesCommands(_ shell: String, _ file: String) throws {
        let folder = try made()
        let text = try String(contentsOfFile: "\(folder.path)/\(file)", encoding: .utf8)
        for command in try commands() { #expect(text.contains(command), "\(shell): \(command)") }
    }

    @Test("zsh reads its completion", .enabled(if: Shell.isInstalled("zsh"), "no zsh here (apt-get install zsh)"))
    func zsh() throws { try accepts("zsh", "zsh/site-functions/_vpmu") }

    @Test(
        "fish reads its completion", .enabled(if: Shell.isInstalled("fish"), "no fish here (apt-get install fish)")
    )
    func fish() throws { try accepts("fish", "fish/vendor_completions.d/vpmu.fish") }

    private func accepts(_ shell: String, _ file: String) throws {
        let folder = try made()
        let outcome = try Shell.run(shell, ["-n", "\(folder.path)/\(file)"])
        #expect(outcome.status == 0, "\(outcome.errors)")
    }
}
