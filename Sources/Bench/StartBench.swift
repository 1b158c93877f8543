/// How long a user waits for the smallest answers.
struct StartBench {
    let effort: BenchEffort
    let executable: String

    func run(into outcome: inout BenchOutcome) throws {
        let scratch = try Scratch()
        let path = scratch.file("small.vpt")
        try SyntheticTrace.write(1_000, to: path, pcpus: 2, vcpus: 2)
        let vpmu = PeerProgram(path: executable)
        let commands = [("version", ["--version"]), ("info", ["info", path])]
        var rounds = Rounds()
        try rounds.run(
            3 * effort.rounds,
            commands.map { name, arguments in (name, { try vpmu.run(arguments, expecting: [0]).wall }) })
        for (name, arguments) in commands {
            outcome.add(
                "start.\(name)", rounds.median(name) * 1e3, "ms", peer: "a trace of 1,000 events",
                how: "vpmu \(arguments[0]), whole process")
        }
    }
}
