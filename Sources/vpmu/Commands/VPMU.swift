import ArgumentParser

struct VPMU: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vpmu",
        abstract: "Record, replay and compare who gets a CPU's performance counters: the host or its guests.",
        version: Version.tool,
        subcommands: [
            BenchCommand.self,
            BisectCommand.self,
            CheckCommand.self,
            CompareCommand.self,
            ConformanceCommand.self,
            DiffCommand.self,
            DoctorCommand.self,
            DumpCommand.self,
            ExplainCommand.self,
            ExportCommand.self,
            GuestCommand.self,
            ImportCommand.self,
            InfoCommand.self,
            ManualCommand.self,
            PlanCommand.self,
            PoliciesCommand.self,
            PolicyHostCommand.self,
            RecordCommand.self,
            ReduceCommand.self,
            ReplayCommand.self,
            ReportCommand.self,
            SalvageCommand.self,
            ScrubCommand.self,
            SynthCommand.self,
            VerifyCommand.self,
        ])
}
