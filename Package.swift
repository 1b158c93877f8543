// swift-tools-version: 6.3
import PackageDescription

/// `Tools/fuzz` sets it: rooms are then built with coverage instrumentation and the address sanitizer, and the fuzz
/// targets under `Tests/Fuzz` exist. They are no part of an ordinary build, because libFuzzer brings its own `main`.
let isFuzzing = Context.environment["VPMU_FUZZ"] != nil
let roomSettings: [SwiftSetting] =
    isFuzzing
    ? [.unsafeFlags(["-sanitize=fuzzer,address"])]
    : [.unsafeFlags(["-cross-module-optimization"], .when(configuration: .release))]

/// One room of the house: a target that may know the rooms in `knows`, and nothing else of ours.
func room(
    _ name: String, knows: [Target.Dependency] = [], resources: [Resource] = [], exclude: [String] = []
) -> Target {
    .target(name: name, dependencies: knows, exclude: exclude, resources: resources, swiftSettings: roomSettings)
}

/// A libFuzzer target: `Tests/Fuzz/NAME`, a `main` that hands each input to `FuzzTarget` in `Tests/Fuzz/Support`.
func fuzz(_ name: String) -> Target {
    .executableTarget(
        name: name, dependencies: ["FuzzSupport", "FuzzDriver"], path: "Tests/Fuzz/\(name)",
        swiftSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library"])],
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])])
}

let fuzzTargets: [Target] =
    isFuzzing
    ? [.target(name: "FuzzDriver", path: "Tests/Fuzz/Driver", swiftSettings: roomSettings)]
        + ["FuzzPerfData", "FuzzTraceDat", "FuzzText", "FuzzTrace", "FuzzPolicy", "FuzzScenario"].map(fuzz) : []

func tests(
    _ name: String, _ knows: [Target.Dependency], resources: [Resource] = [], exclude: [String] = []
) -> Target {
    .testTarget(name: name, dependencies: knows, exclude: exclude, resources: resources)
}

let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "vpmu",
    products: [.executable(name: "vpmu", targets: ["vpmu"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(name: "CLinux"),
        room("PMU"),
        room("Policy", knows: ["PMU"]),
        room(
            "PolicyFile", knows: ["PMU", "Policy", yams],
            resources: [
                "emulated", "emulated-hwid", "none", "mediated", "mediated-sched", "ultimate", "ultimate-exact", "fair",
                "static", "esxi", "inuse", "confidential",
            ].map { .embedInCode("Presets/\($0).yaml") }, exclude: ["Schema"]),
        .target(name: "CPolicy"),
        room("Plugin", knows: ["PMU", "Policy", "CPolicy"]),
        room("Host", knows: ["Policy", "PMU", "CZstd"]),
        .target(name: "Trace", dependencies: ["CZstd"], exclude: ["Schema"], swiftSettings: roomSettings),
        room("Capture", knows: ["Trace", "CLinux"], exclude: ["Schema"]),
        room("Import", knows: ["Trace", "CZstd"], exclude: ["Schema"]),
        room("Scenario", knows: ["Host", "Policy", "PMU", "Trace", yams]),
        room("Timeline", knows: ["Host", "Policy", "PMU", "Trace", yams]),
        .target(name: "CDiff"),
        .target(name: "Counts", dependencies: ["CDiff"], exclude: ["Schema"]),
        room("Replay", knows: ["Timeline", "Counts", "Host", "Policy", "PMU", "Trace"], exclude: ["Schema"]),
        room(
            "Bisect",
            knows: ["PolicyFile", "Plugin", yams, "Replay", "Timeline", "Counts", "Host", "Policy", "PMU", "Trace"],
            exclude: ["Schema"]),
        room("Report", knows: ["Counts", "Timeline", "Trace", yams], exclude: ["Schema"]),
        room(
            "Plan", knows: ["Replay", "Report", "Timeline", "Counts", "Host", "Policy", "PMU"], exclude: ["Schema"]),
        .target(name: "CBench", dependencies: ["CZstd"]),
        room("Bench", knows: ["CBench", "CZstd", "Counts", "Report", "Trace"], exclude: ["Schema"]),
        .executableTarget(
            name: "vpmu",
            dependencies: [
                "PMU", "Policy", "PolicyFile", "Plugin", "CPolicy", "Host", "Trace", "Capture", "Import", "Scenario",
                "Timeline",
                "Counts", "Replay", "Bisect", "Report", "Plan", "Bench", arguments, logging,
            ]),
        .target(name: "TestSupport", path: "Tests/TestSupport"),
        tests("PMUTests", ["TestSupport", "PMU", "CZstd"]),
        tests("PolicyTests", ["Policy", "PMU"]),
        tests("PolicyFileTests", ["PolicyFile", "Host", "Policy", "PMU"]),
        tests(
            "PluginTests",
            ["vpmu", "Bisect", "Plugin", "Replay", "Timeline", "Counts", "Trace", "Host", "Policy", "PMU"],
            exclude: ["Hostile", "Optional"]),
        tests("HostTests", ["TestSupport", "Host", "Policy", "PMU"], resources: [.copy("Fixtures")]),
        tests("TraceTests", ["Trace"]),
        tests("CaptureTests", ["TestSupport", "Capture", "Import", "Trace", "CLinux"], resources: [.copy("Formats")]),
        .target(
            name: "FuzzSupport", dependencies: ["Import", "PolicyFile", "Scenario", "Trace"],
            path: "Tests/Fuzz/Support",
            swiftSettings: roomSettings),
        tests("ImportTests", ["FuzzSupport", "Import", "Trace", "CZstd"]),
        tests("ScenarioTests", ["PolicyFile", "Scenario", "Host", "Policy", "PMU", "Trace"]),
        tests("TimelineTests", ["TestSupport", "Timeline", "Scenario", "Host", "Policy", "PMU", "Trace"]),
        tests("CountsTests", ["TestSupport", "Counts"]),
        tests(
            "ReplayTests",
            ["PolicyFile", "Replay", "Scenario", "Timeline", "Counts", "Host", "Policy", "PMU", "Trace"]),
        tests("BisectTests", ["Bisect", "Replay", "Scenario", "Timeline", "Counts", "Host", "Policy", "PMU", "Trace"]),
        tests("ReportTests", ["Report", "Counts", "Timeline", "Trace"]),
        tests("PlanTests", ["Plan", "PolicyFile", "Replay", "Scenario", "Timeline", "Host", "Policy", "PMU", "Trace"]),
        tests("BenchTests", ["TestSupport", "Bench", "vpmu"]),
        tests("CommandTests", ["TestSupport", "vpmu", "Capture", "Trace"]),
    ] + fuzzTargets,
    swiftLanguageModes: [.v6]
)
