import Counts

/// Which build of vpmu this is: verdicts of another one are not to be trusted blindly.
enum ToolIdentity {
    static func current() throws -> String { "\(Version.tool) \(try ContentHash.ofFile("/proc/self/exe"))" }
}
