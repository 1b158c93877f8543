import Foundation
import PMU
import Yams

/// Reads a scenario file, strictly: an unknown key or a value that cannot be meant is an error at its line and column.
///
/// `Traces/SCENARIO.md` lists the keys.
public struct ScenarioReader {
    static let largestFile = 1 << 20
    static let mostPCPUs: UInt64 = 1024
    static let longestDuration: UInt64 = 24 * 3_600_000_000_000

    let file: String
    var model = ProcessorModel.skylakeSP
    var pcpus = 1
    var duration: UInt64 = 0
    var threadIDs: Set<Int32> = []
    var nextThread: Int32 = 0

    /// - Throws: `ScenarioError`.
    public static func read(file: String) throws(ScenarioError) -> Scenario {
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
            defer { try? handle.close() }
            // One byte more than may be there tells, whatever the size.
            data = try handle.read(upToCount: largestFile + 1) ?? Data()
        } catch {
            let reason = (error as? CocoaError)?.underlying ?? "\(error.localizedDescription)"
            throw ScenarioError(file: file, reason: "cannot be read: \(reason)")
        }
        guard data.count <= largestFile else {
            throw ScenarioError(
                file: file, reason: "is too long; a scenario has at most \(largestFile) bytes: use loops")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ScenarioError(file: file, reason: "is no UTF-8 text; a scenario is a YAML file")
        }
        return try read(text: text, file: file)
    }

    /// - Parameter file: the name that errors give.
    public static func read(text: String, file: String) throws(ScenarioError) -> Scenario {
        guard let root = try compose(text, file: file) else {
            throw ScenarioError(file: file, reason: "is empty; a scenario is a YAML mapping (see synth --help)")
        }
        var reader = ScenarioReader(file: file)
        return try reader.scenario(YAMLItem(node: root, file: file, what: "the scenario"))
    }

    private init(file: String) { self.file = file }

    private static func compose(_ text: String, file: String) throws(ScenarioError) -> Node? {
        // The parser recurses into nested collections: what nests deeper than any scenario is refused before.
        if let line = YAMLDepth.firstLineTooDeep(in: text) {
            throw ScenarioError(file: file, line: line, column: 1, reason: "nests too deeply for a scenario")
        }
        do {
            return try Yams.compose(yaml: text)
        } catch let error as YamlError {
            switch error {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                throw ScenarioError(file: file, line: mark.line, column: mark.column, reason: "no YAML: \(problem)")
            case .duplicatedKeysInMapping(let keys, let context):
                throw ScenarioError(
                    file: file, line: context.mark.line, column: context.mark.column,
                    reason: "the key `\(keys.joined(separator: ", "))` stands there twice")
            case .reader(let problem, let offset, _, _):
                let before = text.utf8.prefix(offset ?? 0)
                let line = before.count { $0 == UInt8(ascii: "\n") } + 1
                let column = before.reversed().prefix { $0 != UInt8(ascii: "\n") }.count + 1
                throw ScenarioError(file: file, line: line, column: column, reason: "no YAML: \(problem)")
            default: throw ScenarioError(file: file, reason: "no YAML: \(error)")
            }
        } catch {
            throw ScenarioError(file: file, reason: "no YAML: \(error)")
        }
    }

    private mutating func scenario(_ root: YAMLItem) throws(ScenarioError) -> Scenario {
        let fields = try root.fields([
            "name", "processor", "kernel", "duration", "seed", "mux-interval", "timeslice", "nmi-watchdog", "rates",
            "tasks", "events", "uncore", "vms",
        ])
        let topology = try processor(try fields.required("processor"))
        pcpus = topology.pcpus
        let durationItem = try fields.required("duration")
        duration = try durationItem.time()
        guard duration > 0, duration <= ScenarioReader.longestDuration else {
            throw durationItem.error("`duration` must be more than 0 and at most 24 hours")
        }
        var hostRates = RatePhases()
        var guestRates = RatePhases()
        if let item = fields["rates"] {
            let rates = try item.fields(["host", "guest"])
            if let host = rates["host"] { hostRates = try self.rates(host) }
            if let guest = rates["guest"] { guestRates = try self.rates(guest) }
        }
        nextThread = 2_000
        let tasks = try self.tasks(fields["tasks"])
        let vms = try self.vms(fields["vms"], guestRates: guestRates)
        let scenario = Scenario(
            name: try fields["name"]?.text() ?? URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent,
            model: model, topology: topology, kernel: try fields["kernel"]?.text() ?? "6.12.29", duration: duration,
            seed: try fields["seed"]?.number() ?? 1,
            muxInterval: try interval(fields, "mux-interval", default: 4_000_000),
            timeslice: try interval(fields, "timeslice", default: 3_000_000),
            watchdog: try fields["nmi-watchdog"].flatMap { item throws(ScenarioError) in try watchdog(item) },
            hostRates: hostRates, tasks: tasks,
            events: try events(fields["events"], tasks: tasks, vms: vms), uncore: try uncore(fields["uncore"]), vms: vms
        )
        return scenario
    }

    private mutating func processor(_ item: YAMLItem) throws(ScenarioError) -> Scenario.Topology {
        let fields = try item.fields(["model", "sockets", "cores", "smt"])
        let name = try fields.required("model")
        model = try name.value(
            ProcessorModel.named, "one of " + ProcessorModel.all.map(\.name).joined(separator: ", "))
        let topology = Scenario.Topology(
            sockets: Int(try fields["sockets"]?.number(1...ScenarioReader.mostPCPUs) ?? 1),
            coresPerSocket: Int(try fields["cores"]?.number(1...ScenarioReader.mostPCPUs) ?? 1),
            threadsPerCore: Int(try fields["smt"]?.number(1...8) ?? 1))
        guard topology.pcpus <= ScenarioReader.mostPCPUs else {
            throw item.error("\(topology.pcpus) logical CPUs; a scenario has at most \(ScenarioReader.mostPCPUs)")
        }
        return topology
    }

    private func watchdog(_ item: YAMLItem) throws(ScenarioError) -> Scenario.Watchdog? {
        let usual = Scenario.Watchdog(period: 10 * 2_500_000_000, from: .at(0))
        guard item.isMapping else { return try item.switched() ? usual : nil }
        let fields = try item.fields(["period", "from"])
        return Scenario.Watchdog(
            period: try fields["period"]?.count() ?? usual.period, from: try beginning(fields["from"]))
    }

    func beginning(_ item: YAMLItem?) throws(ScenarioError) -> Scenario.Beginning {
        guard let item else { return .at(0) }
        if case .scalar(let scalar) = item.node, scalar.string == "before" { return .before }
        return .at(try item.time())
    }

    func interval(_ fields: YAMLFields, _ key: String, default fallback: UInt64) throws(ScenarioError) -> UInt64 {
        guard let item = fields[key] else { return fallback }
        let time = try item.time()
        guard time >= 1_000 else { throw item.error("\(item.what) is \(time) ns; it must be 1us or more") }
        return time
    }

    /// A mapping of event to rate, or a list of such mappings with the time each begins.
    func rates(_ item: YAMLItem) throws(ScenarioError) -> RatePhases {
        guard item.isSequence else { return RatePhases(phases: [try phase(item, from: nil)]) }
        var phases: [RatePhases.Phase] = []
        for entry in try item.entries() {
            let phase = try phase(entry, from: "from")
            if let last = phases.last, phase.from <= last.from {
                throw entry.error("phases of \(item.what) must rise in `from`")
            }
            phases.append(phase)
        }
        if let first = phases.first, first.from != 0 {
            throw item.error("the first phase of \(item.what) must begin at 0")
        }
        return RatePhases(phases: phases)
    }

    private func phase(_ item: YAMLItem, from key: String?) throws(ScenarioError) -> RatePhases.Phase {
        guard case .mapping(let mapping) = item.node else {
            throw item.error("\(item.what) must be a mapping of events to events per second")
        }
        var phase = RatePhases.Phase(from: 0, rates: [:])
        for (keyNode, valueNode) in mapping {
            let place = YAMLItem(node: keyNode, file: file, what: "an event")
            let value = YAMLItem(node: valueNode, file: file, what: "the rate")
            let name = try place.text()
            if name == key {
                phase.from = try value.time()
                continue
            }
            let rate = try value.count()
            guard rate <= 100_000_000_000 else {
                throw value.error("a rate of \(rate) per second is not of this world")
            }
            phase.rates[RatePhases.key(of: try config(place))] = rate
        }
        return phase
    }

    /// The raw config of an event in perf's spelling.
    func config(_ item: YAMLItem) throws(ScenarioError) -> UInt64 {
        let name = try item.text()
        guard let config = model.config(named: name) else {
            throw item.error(
                "\(model.name) has no event `\(name)`; write one such as cycles, instructions, r01c0 or event=0xc0,umask=0x1"
            )
        }
        return config
    }

    func pcpu(_ item: YAMLItem) throws(ScenarioError) -> Int {
        Int(try item.number(0...UInt64(pcpus - 1)))
    }
}

extension CocoaError {
    /// What the system said, without Foundation's preamble.
    fileprivate var underlying: String? {
        guard let error = errorUserInfo[NSUnderlyingErrorKey] as? NSError else { return nil }
        return error.domain == NSPOSIXErrorDomain
            ? String(cString: strerror(Int32(error.code))) : error.localizedDescription
    }
}
