import PMU
import Policy
import Yams

/// Reads policies as users write them: YAML, one mapping.
///
/// What a file leaves out is as in `emulated`, or as in `mediated` where it says `guests: mediated`. An unknown key, an
/// impossible value and a contradiction between keys are errors with line and column.
public enum PolicyFile {
    /// The longest file that is read, in bytes.
    public static let maxBytes = 1 << 20

    /// - Parameter file: what to call the text in errors.
    /// - Throws: `PolicyFileError`.
    public static func decode(_ text: String, file: String) throws(PolicyFileError) -> PolicyRules {
        if text.utf8.count > maxBytes {
            throw PolicyFileError(file: file, line: 0, column: 0, reason: "longer than \(maxBytes) bytes")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw PolicyFile.readable(error, text: text, file: file)
        }
        guard let root else { throw PolicyFileError(file: file, line: 0, column: 0, reason: "is empty") }
        return try rules(PolicyNode(root, file: file, expected: "a policy"))
    }

    /// Keys of the policy as a whole.
    static let hostKeys = [
        "name", "models", "argued-by", "arbitration", "pinned-misfit", "misfit", "freed", "task-pinned",
        "flexible-order", "host-visibility", "reservations", "vms",
    ]

    private static func rules(_ node: PolicyNode) throws(PolicyFileError) -> PolicyRules {
        try node.refuseUnknownKeys(besides: hostKeys + guestKeys)
        guard let name = try node.text("name"), !name.isEmpty else {
            throw node.error(at: "name", "`name` is missing")
        }
        if let letter = name.first(where: { !($0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0))) }) {
            throw node.error(at: "name", "`\(letter)` cannot be part of a name; letters, digits, `-`, `_` and `.` can")
        }
        var rules = PolicyRules(name: name, guests: try node.choice("guests") ?? .emulated)
        rules.models = try node.text("models") ?? ""
        rules.arguedBy = try node.text("argued-by") ?? ""
        if let value: PolicyRules.Arbitration = try node.choice("arbitration") { rules.arbitration = value }
        if let value: PolicyRules.PinnedMisfit = try node.choice("pinned-misfit") { rules.pinnedMisfit = value }
        if let value: PolicyRules.Misfit = try node.choice("misfit") { rules.misfit = value }
        if let value: PolicyRules.Freed = try node.choice("freed") { rules.freed = value }
        if let value: PolicyRules.TaskPinned = try node.choice("task-pinned") { rules.taskPinned = value }
        if let value: PolicyRules.FlexibleOrder = try node.choice("flexible-order") { rules.flexibleOrder = value }
        if let value: PolicyRules.HostVisibility = try node.choice("host-visibility") { rules.hostVisibility = value }
        rules.reservations = try reservations(node)
        rules.guest = try guestRules(node, from: rules.guest)
        try refuseContradictions(node, rules.guest, rules)
        if let vms = node.node("vms") {
            let vms = try PolicyNode(vms, file: node.file, expected: "a mapping from VM names to rules")
            for (vm, value) in vms.entries {
                let override = try PolicyNode(value, file: node.file, expected: "rules for VM `\(vm)`")
                try override.refuseUnknownKeys(besides: guestKeys)
                let guest = try guestRules(override, from: rules.guest)
                try refuseContradictions(override, guest, rules)
                rules.overrides[vm] = guest
            }
        }
        if rules.hostVisibility == .refuses, !rules.allGuestRules.contains(where: { $0.access == .mediated }) {
            throw node.error(
                at: "host-visibility",
                "`refuses` needs guests that hold the PMU, but they are \(rules.guest.access.rawValue)")
        }
        return rules
    }

    private static func readable(_ error: any Error, text: String, file: String) -> PolicyFileError {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            PolicyNode.error(file, mark, "not YAML: \(problem)")
        case YamlError.duplicatedKeysInMapping(let keys, let context):
            PolicyFileError(
                file: file,
                line: secondLine(of: keys.first ?? "", in: text, from: context.mark) ?? context.mark.line,
                column: context.mark.column, reason: "`\(keys.first ?? "")` appears twice")
        case YamlError.reader(let problem, _, _, _):
            PolicyFileError(file: file, line: 0, column: 0, reason: "not text: \(problem)")
        default: PolicyFileError(file: file, line: 0, column: 0, reason: "not YAML")
        }
    }

    /// The line where a key that begins a line of the mapping at `mark` begins another one.
    private static func secondLine(of key: String, in text: String, from mark: Mark) -> Int? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let indentation = String(repeating: " ", count: mark.column - 1)
        let matches = lines.indices.dropFirst(mark.line - 1).filter { lines[$0].hasPrefix("\(indentation)\(key):") }
        return matches.count > 1 ? matches[matches.startIndex + 1] + 1 : nil
    }
}
