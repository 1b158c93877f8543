import Foundation

/// Programs for the small real guest: what perf in a guest does to its counters when tasks with different event sets
/// alternate. No two programs hold the same counter values, so that nobody compresses repetition that no guest shows.
struct GuestLoad {
    /// Paths of the programs.
    let programs: [String]
    /// Register accesses that one run of all programs on two vCPUs makes.
    let accesses: Int
    private let executable: String

    /// Most accesses of a program: a guest's memory holds the steps of both vCPUs.
    private static let mostAccesses = 24_000

    /// Makes programs of `accesses` register accesses in all, for two vCPUs.
    init(_ scratch: Scratch, executable: String, accesses wanted: Int) throws {
        self.executable = executable
        // Registers that the processor has, so that a replay has something to do.
        let processor = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let vendor = processor.contains("GenuineIntel") ? SyntheticStream.Vendor.intel : .amd
        var stream = SyntheticStream(seed: 0x9e37_79b9_7f4a_7c15, vendor: vendor)
        var programs: [String] = []
        var made = 0
        while made < wanted {
            var text = ""
            let size = min(Self.mostAccesses, (wanted - made + 1) / 2)
            for _ in 0..<size {
                let event = stream.event()
                let register = "0x" + String(event.register, radix: 16)
                text += event.isWrite ? "write \(register) 0x\(String(event.value, radix: 16))\n" : "read \(register)\n"
                // The guest leaves KVM, as it would for its timer.
                if stream.isBetweenBursts { text += "exit\n" }
            }
            let path = scratch.file("guest-\(programs.count).program")
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            programs.append(path)
            made += 2 * size
        }
        self.programs = programs
        accesses = made
    }

    /// A command that runs all programs, one after the other.
    var command: [String] {
        ["sh", "-c", #"v=$1; shift; for p; do "$v" guest "$p" --vcpus 2 || exit 1; done"#, "sh", executable] + programs
    }

    /// Runs all programs; the time is that of the guests and nobody else.
    func run() throws(BenchError) -> PeerProgram.Run {
        guard let shell = PeerProgram("sh") else { throw BenchError("there is no sh") }
        return try shell.run(Array(command.dropFirst()), expecting: [0])
    }
}
