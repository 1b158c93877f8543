import Foundation
import Policy
import PolicyFile
import Replay

/// A policy as users name it: a preset, a YAML file, or a shared object.
public enum PolicyInput {
    /// The policy that `name` stands for, to be replayed.
    ///
    /// - Throws: as `rules(_:)`; whether a shared object can be loaded shows when a replay begins.
    public static func played(_ name: String) throws -> PlayedPolicy {
        guard PlayedPolicy.isSharedObject(name) else { return PlayedPolicy(try rules(name)) }
        guard FileManager.default.fileExists(atPath: name) else {
            throw PolicyUnusable("\(name): no such policy")
        }
        return PlayedPolicy(sharedObject: name)
    }

    /// The rules that `name` stands for.
    ///
    /// - Throws: `PolicyUnusable` for a file that is missing or is no policy: another revision may mend that.
    ///   `CheckProblem` for a word that is neither a preset nor looks like a file.
    public static func rules(_ name: String) throws -> PolicyRules {
        if PlayedPolicy.isSharedObject(name), FileManager.default.fileExists(atPath: name) {
            throw PolicyUnusable(
                "\(name): a policy in C has no rules to look at; `vpmu replay`, `compare` and `check` play it")
        }
        let text = try text(name)
        do throws(PolicyFileError) {
            return try PolicyFile.decode(text, file: name)
        } catch {
            throw PolicyUnusable(error.description)
        }
    }

    /// The YAML that `name` stands for.
    ///
    /// - Throws: as `rules(_:)`.
    public static func text(_ name: String) throws -> String {
        if let preset = PolicyCatalogue.text(named: name) { return preset }
        guard looksLikeFile(name) else { throw UnknownPolicy(name: name) }
        guard let handle = FileHandle(forReadingAtPath: name) else {
            throw PolicyUnusable("\(name): no such policy file, or it cannot be read")
        }
        defer { try? handle.close() }
        let data = (try? handle.read(upToCount: PolicyFile.maxBytes + 1)) ?? Data()
        guard let text = String(data: data, encoding: .utf8) else {
            throw PolicyUnusable("\(name): not text; a policy is a YAML file")
        }
        return text
    }

    /// `policies/mine.yaml`, `./mine`: whatever no preset could be called.
    private static func looksLikeFile(_ name: String) -> Bool {
        name.contains("/") || name.contains(".") || FileManager.default.fileExists(atPath: name)
    }
}

/// A policy's name that no preset and no file has: a slip of the pen, not a bad revision.
public struct UnknownPolicy: Error, Equatable, CustomStringConvertible {
    public var name: String
    public var description: String { "no policy and no file is called \(name); `vpmu policies` lists the presets" }
}
