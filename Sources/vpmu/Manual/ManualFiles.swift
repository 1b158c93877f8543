import ArgumentParser

/// The files that make shells complete and `man` know vpmu, by their places below a `share` folder.
enum ManualFiles {
    static func all() throws -> [(path: String, text: String)] {
        let pages = ManualPage.all(of: try CommandDescription.vpmu())
        let completions: [(String, CompletionShell)] = [
            ("bash-completion/completions/vpmu", .bash), ("zsh/site-functions/_vpmu", .zsh),
            ("fish/vendor_completions.d/vpmu.fish", .fish),
        ]
        return pages.map { ("man/man1/\($0.fileName)", $0.text) }
            + completions.map { ($0.0, VPMU.completionScript(for: $0.1)) }
    }
}
