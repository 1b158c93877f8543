import Foundation
import Plugin
import Policy
import Replay

extension PlayedPolicy {
    /// A policy in a shared object (`vpmu_policy.h`), each replay of which runs in a process of its own. KVM's rules
    /// around it are those of `emulated`: what it decides is who holds which counter.
    ///
    /// - Parameter executable: the vpmu program that serves it.
    public init(sharedObject path: String, executable: String = "/proc/self/exe") {
        // Without a slash the dynamic linker would look for it elsewhere.
        let path = path.contains("/") ? path : "./" + path
        self.init(.emulated) { model, pcpus throws(PolicyFailure) in
            try PluginPolicy(
                path: path, executable: executable, pcpus: pcpus, limits: PMULimits(model: model), rules: .emulated)
        }
    }

    /// Whether a user who writes `name` for a policy means a shared object: by its name, or by its first bytes.
    public static func isSharedObject(_ name: String) -> Bool {
        if name.hasSuffix(".so") { return true }
        guard let handle = FileHandle(forReadingAtPath: name) else { return false }
        defer { try? handle.close() }
        return (try? handle.read(upToCount: 4)) == Data([0x7f, 0x45, 0x4c, 0x46])
    }
}
