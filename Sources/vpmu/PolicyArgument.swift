import ArgumentParser
import Bisect
import Foundation
import Policy
import PolicyFile
import Replay

/// A policy as users name it: a preset, a YAML file, or a shared object.
enum PolicyArgument {
    /// - Throws: as `rules(_:)`; whether a shared object can be loaded shows when a replay begins.
    static func played(_ name: String) throws -> PlayedPolicy {
        guard PlayedPolicy.isSharedObject(name), FileManager.default.fileExists(atPath: name) else {
            return PlayedPolicy(try rules(name))
        }
        return PlayedPolicy(sharedObject: name)
    }

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
