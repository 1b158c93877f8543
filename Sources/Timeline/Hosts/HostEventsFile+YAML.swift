import Foundation
import Policy
import Yams

extension HostEventsFile {
    /// A file that is not a list of host events.
    public struct Problem: Error, Equatable, CustomStringConvertible {
        public var file: String
        public var line: Int
        public var reason: String
        public var description: String {
            let place = line > 0 ? "\(file):\(line)" : file
            return
                "\(place): \(reason); a host-events file is a list of entries with name, event, pinned, exclude_guest, cpus, owner, period"
        }
    }

    /// The largest file that is read.
    public static let maxBytes = 1 << 20

    /// Reads a YAML file: a list of maps with `name` and `event`, and optionally `pinned`, `exclude_guest`,
    /// `exclude_host` (true or false), `cpus` (a list of numbers) or `owner` (a thread's id or name), and `period`.
    ///
    /// - Throws: `Problem`.
    public init(contentsOf path: String) throws(Problem) {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw Problem(file: path, line: 0, reason: "cannot be opened")
        }
        let data = (try? handle.read(upToCount: HostEventsFile.maxBytes + 1)) ?? Data()
        guard data.count <= HostEventsFile.maxBytes else {
            throw Problem(file: path, line: 0, reason: "is larger than \(HostEventsFile.maxBytes) bytes")
        }
        try self.init(yaml: String(decoding: data, as: UTF8.self), file: path)
    }

    /// The same from text; `file` is for messages.
    public init(yaml text: String, file: String) throws(Problem) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw Problem(file: file, line: 0, reason: "is no YAML")
        }
        guard let list = root?.sequence else { throw Problem(file: file, line: 1, reason: "is no list") }
        var events: [Entry] = []
        for item in list { events.append(try HostEventsFile.entry(item, file)) }
        self.init(events: events)
    }

    private static func entry(_ node: Node, _ file: String) throws(Problem) -> Entry {
        func problem(_ node: Node, _ reason: String) -> Problem {
            Problem(file: file, line: node.mark?.line ?? 0, reason: reason)
        }
        guard let map = node.mapping else { throw problem(node, "an entry is no map") }
        var entry = Entry(name: "", event: "")
        for (key, value) in map {
            switch key.string ?? "" {
            case "name": entry.name = value.string ?? ""
            case "event": entry.event = value.string ?? ""
            case "pinned":
                guard let pinned = value.bool else { throw problem(value, "pinned is neither true nor false") }
                entry.priority = pinned ? .pinned : .flexible
            case "exclude_guest", "exclude_host":
                guard let flag = value.bool else { throw problem(value, "\(key.string!) is neither true nor false") }
                let exclusion: EventSpec.Exclusion = key.string == "exclude_guest" ? .guest : .host
                entry.exclusion = flag ? exclusion : entry.exclusion ?? EventSpec.Exclusion.none
            case "cpus":
                guard let list = value.sequence else { throw problem(value, "cpus is no list of numbers") }
                var pcpus: [Int] = []
                for item in list {
                    guard let number = item.int, (0..<65_536).contains(number) else {
                        throw problem(item, "\(item.string ?? "an entry of cpus") is no CPU number")
                    }
                    pcpus.append(number)
                }
                entry.pcpus = pcpus
            case "owner":
                if let thread = value.int {
                    guard (1...Int(Int32.max)).contains(thread) else {
                        throw problem(value, "\(thread) is no thread's id")
                    }
                    entry.owner = .thread(Int32(thread))
                } else if let comm = value.string, !comm.isEmpty {
                    entry.owner = .comm(comm)
                } else {
                    throw problem(value, "owner is no thread's id or name")
                }
            case "period":
                guard let period = value.int, period >= 0 else { throw problem(value, "period is no number") }
                entry.samplePeriod = UInt64(period)
            default: throw problem(key, "unknown key `\(key.string ?? "?")`")
            }
        }
        guard !entry.name.isEmpty, !entry.event.isEmpty else { throw problem(node, "an entry lacks name or event") }
        if entry.owner != nil, entry.pcpus != nil {
            throw problem(node, "\(entry.name) has an owner and cpus: a thread's event follows its thread")
        }
        return entry
    }
}
