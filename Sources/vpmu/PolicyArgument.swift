import ArgumentParser
import Foundation
import Policy
import PolicyFile

/// A policy as users name it: a preset, or a YAML file.
enum PolicyArgument {
    /// - Throws: `ValidationError` for a name that is neither, `PolicyFileError` for a file that is no policy.
    static func rules(_ name: String) throws -> PolicyRules {
        if let rules = try PolicyCatalogue.rules(named: name) { return rules }
        guard FileManager.default.fileExists(atPath: name) else {
            throw ValidationError(
                "no policy and no file is called \(name); `vpmu policies` lists the presets")
        }
        let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: name))
        let data = try handle.read(upToCount: PolicyFile.maxBytes + 1) ?? Data()
        return try PolicyFile.decode(String(decoding: data, as: UTF8.self), file: name)
    }
}
