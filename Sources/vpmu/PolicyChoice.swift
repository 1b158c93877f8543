import ArgumentParser
import Foundation
import Policy
import PolicyFile

/// What a user may write for a policy: a preset's name, or the path of a policy file.
enum PolicyChoice {
    /// - Throws: `ValidationError` if it is neither, `PolicyFileError` if the file is no policy.
    static func rules(_ word: String) throws -> PolicyRules {
        if let rules = try PolicyCatalogue.rules(named: word) { return rules }
        guard let data = FileManager.default.contents(atPath: word), data.count <= PolicyFile.maxBytes else {
            throw ValidationError(
                "--policy \(word) is neither a preset (\(PolicyCatalogue.names.joined(separator: ", "))) nor a policy file"
            )
        }
        return try PolicyFile.decode(String(decoding: data, as: UTF8.self), file: word)
    }
}
