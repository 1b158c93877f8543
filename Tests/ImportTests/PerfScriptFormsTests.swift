import Foundation
import Testing
import Trace

@testable import Import

/// What the installed `perf script` prints of a recording, form by form, against the import of the recording itself.
@Suite(
    "forms of perf script",
    .enabled(if: Captures.arePresent, "the captures are not here (../shared/captures, or VPMU_SHARED)"),
    .enabled(if: InstalledPerf.path != nil, "no perf here (apt-get install linux-perf)"))
struct PerfScriptFormsTests {
    /// A form, and which columns the text has.
    struct Form: Sendable, CustomTestStringConvertible {
        var options: String
        var has: Columns
        var testDescription: String { options.isEmpty ? "no options" : options }
    }

    struct Columns: OptionSet, Sendable {
        var rawValue: Int
        static let thread = Columns(rawValue: 1)
        static let cpu = Columns(rawValue: 2)
        static let time = Columns(rawValue: 4)
        /// Times from 0 on.
        static let relative = Columns(rawValue: 8)
        /// Times added up of differences that were cut to microseconds.
        static let summed = Columns(rawValue: 16)
        static let all: Columns = [.thread, .cpu, .time]
    }

    static let forms: [Form] = [
        Form(options: "", has: .all), Form(options: "--ns", has: .all),
        Form(options: "-F comm,tid,cpu,time,event,trace --ns", has: .all),
        Form(options: "-F comm,pid,tid,cpu,time,event,trace", has: .all),
        Form(options: "-F tid,cpu,time,event,trace --ns", has: .all),
        Form(options: "-F cpu,time,event,trace --ns", has: [.cpu, .time]),
        Form(options: "-F time,event,trace --ns", has: [.time]),
        Form(options: "-F comm,tid,time,event,trace --ns", has: [.thread, .time]),
        Form(options: "-F comm,cpu,time,event,trace --ns", has: [.cpu, .time]),
        Form(options: "-F comm,tid,cpu,event,trace", has: [.thread, .cpu]), Form(options: "-F event,trace", has: []),
        Form(options: "-F comm,tid,cpu,time,period,event,trace --ns", has: .all),
        Form(options: "-F comm,tid,cpu,time,event,ip,sym,dso,symoff,trace --ns", has: .all),
        Form(options: "-F comm,tid,cpu,time,event,trace,flags,misc --ns", has: .all),
        Form(options: "-F -comm --ns", has: .all), Form(options: "-F -cpu --ns", has: [.thread, .time]),
        Form(options: "-F -time", has: [.thread, .cpu]), Form(options: "-F +misc", has: .all),
        Form(options: "--show-task-events --show-mmap-events --show-lost-events --ns", has: .all),
        Form(options: "--header --ns", has: .all), Form(options: "-I", has: .all), Form(options: "-G --ns", has: .all),
        Form(options: "-L --ns", has: .all), Form(options: "-D --ns", has: .all),
        Form(options: "--reltime --ns", has: [.thread, .cpu, .time, .relative]),
        Form(options: "--deltatime --ns", has: [.thread, .cpu, .time, .relative]),
        Form(options: "--deltatime", has: [.thread, .cpu, .time, .relative, .summed]),
        Form(options: "-F comm,tid,cpu,time,trace --ns", has: .all),
        Form(options: "-F tid,trace", has: [.thread]), Form(options: "-F cpu,time,trace --ns", has: [.cpu, .time]),
        Form(options: "-F time,trace --ns --deltatime", has: [.time, .relative]),
        Form(options: "-F trace", has: []),
    ]

    private static let recording = "ours/linux-guest-boot.perf.data"

    @Test("the text gives the recording's records, as far as its columns tell", arguments: forms)
    func form(_ form: Form) throws {
        let whole = try Imported(Captures.input(Self.recording)).events
        let text = try Self.print(form.options)
        let found = try Imported(text)
        #expect(found.events.count == whole.count)
        let start = form.has.contains(.relative) ? whole.map(\.time).min()! : 0
        var early: UInt64 = form.options.contains("--ns") ? 0 : 999
        if form.has.contains(.summed) { early = 1000 * UInt64(whole.count + found.summary.others.count * 100) }
        // Without times and CPUs rows come in the text's order, which is that of time.
        let order = { (events: [TraceEvent]) in
            events.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
        }
        for (expected, event) in zip(order(whole), order(found.events)) {
            #expect(
                [event.kind.rawValue, UInt8(event.b)] == [expected.kind.rawValue, UInt8(expected.b)]
                    && [event.register, event.a] == [expected.register, expected.a] && event.value == expected.value,
                "\(event) for \(expected)")
            #expect(event.pid == (form.has.contains(.thread) ? expected.pid : 0))
            #expect(event.pcpu == (form.has.contains(.cpu) ? expected.pcpu : 0))
            if form.has.contains(.time) {
                let moment = expected.time - start
                #expect(event.time <= moment && moment - event.time <= early, "\(event.time), not \(moment)")
            }
        }
    }

    private static func print(_ options: String) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: InstalledPerf.path!)
        let path = Captures.directory!.appendingPathComponent(recording).path
        process.arguments = ["script", "-i", path] + options.split(separator: " ").map(String.init)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return [UInt8](text)
    }
}

/// The machine's perf.
private enum InstalledPerf {
    /// nil too where it is a distribution's wrapper that finds no perf for this kernel.
    static let path: String? = ["/usr/bin/perf", "/usr/local/bin/perf"].first { path in
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["--version"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
