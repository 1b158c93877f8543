import Foundation

/// What was measured on.
public struct Machine: Equatable, Sendable {
    public var lines: [String]

    /// This machine as it is now.
    public static func current() -> Machine {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model =
            info.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
            .map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown CPU"
        let load = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))?.split(separator: " ").first ?? "?"
        let memory = ProcessInfo.processInfo.physicalMemory >> 30
        return Machine(lines: [
            "\(ProcessInfo.processInfo.activeProcessorCount) x \(model), \(memory) GiB, Linux \(release), load \(load)"
        ])
    }
}
