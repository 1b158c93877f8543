/// A command's man page in roff's man macros.
struct ManualPage {
    var command: CommandDescription
    /// The words that call it: `vpmu`, or `vpmu check`.
    var invocation: String

    /// `vpmu-check.1`
    var fileName: String { invocation.replacing(" ", with: "-") + ".1" }

    /// The page of `command` and one for each command below it.
    static func all(of command: CommandDescription, invokedAs invocation: String = "vpmu") -> [ManualPage] {
        [ManualPage(command: command, invocation: invocation)]
            + command.visibleSubcommands.flatMap { all(of: $0, invokedAs: "\(invocation) \($0.commandName)") }
    }

    var text: String {
        let title = invocation.replacing(" ", with: "-")
        var lines = [".TH \"\(Self.escaped(title.uppercased()))\" 1 \"\" \"vpmu\" \"vpmu\"", ".SH NAME"]
        lines.append("\(Self.escaped(title)) \\- \(Self.escaped(Self.phrase(command.abstract ?? "")))")
        lines += [".SH SYNOPSIS", synopsis]
        if let discussion = command.discussion, !discussion.isEmpty {
            lines.append(".SH DESCRIPTION")
            lines += Self.paragraphs(discussion)
        }
        lines += options
        let subcommands = command.visibleSubcommands
        if !subcommands.isEmpty {
            lines.append(".SH COMMANDS")
            for one in subcommands {
                lines += [
                    ".TP", "\\fB\(Self.escaped("\(title)-\(one.commandName)"))\\fR(1)", Self.line(one.abstract ?? ""),
                ]
            }
        }
        lines += [".SH EXIT STATUS", Self.exitStatus]
        if invocation != "vpmu" { lines += [".SH SEE ALSO", "\\fBvpmu\\fR(1)"] }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let exitStatus = """
        0 good, same or done; 1 worse, different or no; 125 cannot judge this revision; 128 what no revision can mend;
        129 wrong usage; 130 interrupted.
        """

    private var synopsis: String {
        var words = ["\\fB\(Self.escaped(invocation))\\fR"]
        for argument in shown where argument.kind == .positional {
            let name = "\\fI\(Self.escaped(argument.valueName ?? "value"))\\fR" + (argument.isRepeating ? "..." : "")
            words.append(argument.isOptional ? "[\(name)]" : name)
        }
        for argument in shown where argument.kind != .positional && !argument.isOptional {
            words.append(Self.spelled(argument))
        }
        if shown.contains(where: { $0.kind != .positional && $0.isOptional }) { words.append("[\\fIoptions\\fR]") }
        if !command.visibleSubcommands.isEmpty { words.append("\\fIcommand\\fR") }
        return words.joined(separator: " ")
    }

    private var shown: [CommandDescription.Argument] { (command.arguments ?? []).filter(\.shouldDisplay) }

    private var options: [String] {
        guard !shown.isEmpty else { return [] }
        var lines = [".SH OPTIONS"]
        for argument in shown {
            lines += [".TP", Self.spelled(argument)]
            var text = argument.abstract ?? ""
            if let value = argument.defaultValue, argument.kind == .option { text += " Default: \(value)." }
            lines.append(Self.line(text))
            if let discussion = argument.discussion, !discussion.isEmpty { lines += Self.paragraphs(discussion) }
        }
        return lines
    }

    private static func spelled(_ argument: CommandDescription.Argument) -> String {
        let value = "\\fI\(escaped(argument.valueName ?? "value"))\\fR"
        if argument.kind == .positional { return value + (argument.isRepeating ? "..." : "") }
        let names = (argument.names ?? []).map { "\\fB\(escaped($0.spelled))\\fR" }.joined(separator: ", ")
        return argument.kind == .option ? "\(names) \(value)" : names
    }

    private static func paragraphs(_ text: String) -> [String] {
        text.components(separatedBy: "\n\n").flatMap { [".PP"] + $0.split(separator: "\n").map { line(String($0)) } }
    }

    /// A line of text; a dot or apostrophe at its beginning is no request.
    private static func line(_ text: String) -> String {
        let escaped = escaped(text.replacing("\n", with: " "))
        return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\(rs").replacing("-", with: "\\-")
    }

    /// An abstract as the NAME line wants it: without a full stop.
    private static func phrase(_ text: String) -> String { text.hasSuffix(".") ? String(text.dropLast()) : text }
}
