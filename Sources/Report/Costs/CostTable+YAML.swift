import Counts
import Foundation
import Yams

extension CostTable {
    /// A file that is no cost table.
    public struct Problem: Error, Equatable, CustomStringConvertible {
        public var file: String
        public var line: Int
        public var column: Int
        public var reason: String
        public var description: String {
            let place = line > 0 ? "\(file):\(line):\(column)" : file
            return
                "\(place): \(reason); a cost table has source and, in ns, "
                + CostTable.fields.map(\.key).joined(separator: ", ")
        }
    }

    /// The largest file that is read.
    public static let maxBytes = 1 << 20

    private static var fields: [(key: String, path: WritableKeyPath<CostTable, UInt64>)] {
        [
            ("intercepted-access", \.interceptedAccess), ("event-created", \.eventCreated),
            ("event-enabled", \.eventEnabled), ("event-reprogrammed", \.eventReprogrammed),
            ("register-write", \.registerWrite),
        ]
    }

    /// Reads a YAML file: a map with `source`, who measured and on what, and the ns of each kind of operation. What it
    /// leaves out costs nothing.
    ///
    /// - Throws: `Problem`.
    public init(contentsOf path: String) throws(Problem) {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw Problem(file: path, line: 0, column: 0, reason: "cannot be opened")
        }
        let data = (try? handle.read(upToCount: CostTable.maxBytes + 1)) ?? Data()
        guard data.count <= CostTable.maxBytes else {
            throw Problem(file: path, line: 0, column: 0, reason: "is larger than \(CostTable.maxBytes) bytes")
        }
        try self.init(yaml: String(decoding: data, as: UTF8.self), file: path)
    }

    /// The same from text; `file` is for messages.
    public init(yaml text: String, file: String) throws(Problem) {
        func problem(_ node: Node?, _ reason: String) -> Problem {
            Problem(file: file, line: node?.mark?.line ?? 0, column: node?.mark?.column ?? 0, reason: reason)
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw problem(nil, "is no YAML")
        }
        guard let map = root?.mapping else { throw problem(root, "is no map") }
        var table = CostTable(source: "")
        var costs = 0
        for (key, value) in map {
            let name = key.string ?? ""
            if name == "source" {
                table.source = value.scalar?.string ?? ""
            } else if let field = CostTable.fields.first(where: { $0.key == name }) {
                guard let ns = value.int, ns >= 0 else {
                    throw problem(value, "\(name) is no whole number of ns")
                }
                table[keyPath: field.path] = UInt64(ns)
                costs += 1
            } else {
                throw problem(key, "unknown key `\(name)`")
            }
        }
        guard !table.source.isEmpty else { throw problem(root, "does not name its `source`") }
        guard costs > 0 else { throw problem(root, "states no cost") }
        self = table
    }
}
