import Yams

/// A mapping of a policy file, read strictly: every key must be known, every value possible.
struct PolicyNode {
    let file: String
    private let mapping: Node.Mapping
    private let mark: Mark?

    init(_ node: Node, file: String, expected: String) throws(PolicyFileError) {
        guard case .mapping(let mapping) = node else {
            throw PolicyNode.error(file, node.mark, "\(expected) expected, with `key: value` lines")
        }
        self.file = file
        self.mapping = mapping
        mark = node.mark
    }

    static func error(_ file: String, _ mark: Mark?, _ reason: String) -> PolicyFileError {
        PolicyFileError(file: file, line: mark?.line ?? 0, column: mark?.column ?? 0, reason: reason)
    }

    /// An error at the value of `key`, or at the mapping's beginning if it has none.
    func error(at key: String, _ reason: String) -> PolicyFileError {
        PolicyNode.error(file, node(key)?.mark ?? mark, reason)
    }

    func refuseUnknownKeys(besides known: [String]) throws(PolicyFileError) {
        for (key, _) in mapping {
            guard let name = key.scalar?.string else {
                throw PolicyNode.error(file, key.mark, "a key must be a single word")
            }
            if !known.contains(name) {
                let nearest = known.min { PolicyNode.distance($0, name) < PolicyNode.distance($1, name) }
                let hint = nearest.map { PolicyNode.distance($0, name) <= 3 ? "; did you mean `\($0)`?" : "" } ?? ""
                throw PolicyNode.error(file, key.mark, "unknown key `\(name)`\(hint)")
            }
        }
    }

    func has(_ key: String) -> Bool { node(key) != nil }

    func node(_ key: String) -> Node? {
        for (candidate, value) in mapping where candidate.scalar?.string == key { return value }
        return nil
    }

    /// The keys in the file's order, each with its value.
    var entries: [(key: String, value: Node)] {
        mapping.map { ($0.key.scalar?.string ?? "", $0.value) }
    }

    func text(_ key: String) throws(PolicyFileError) -> String? {
        guard let node = node(key) else { return nil }
        guard let scalar = node.scalar else { throw error(at: key, "`\(key)` must be text") }
        return scalar.string
    }

    /// A value of an enumeration, by its raw value.
    func choice<Value>(_ key: String, as type: Value.Type = Value.self) throws(PolicyFileError) -> Value?
    where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
        guard let text = try text(key) else { return nil }
        guard let value = Value(rawValue: text) else {
            let possible = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw error(at: key, "`\(key)` is `\(text)`; it can be \(possible)")
        }
        return value
    }

    func number(_ key: String, atMost limit: UInt64) throws(PolicyFileError) -> UInt64? {
        guard let node = node(key) else { return nil }
        guard let value = PolicyNode.number(node) else {
            throw error(at: key, "`\(key)` must be a number, decimal or 0x...")
        }
        if value > limit { throw error(at: key, "`\(key)` is \(value); at most \(limit)") }
        return value
    }

    /// A list; a single value stands for a list of one.
    func list(_ key: String) throws(PolicyFileError) -> [Node]? {
        guard let node = node(key) else { return nil }
        if case .sequence(let sequence) = node { return Array(sequence) }
        guard node.scalar != nil else { throw error(at: key, "`\(key)` must be a list") }
        return [node]
    }

    static func number(_ node: Node) -> UInt64? {
        guard let text = node.scalar?.string else { return nil }
        return text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
    }

    /// Edit distance, for the hint beside an unknown key.
    private static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.utf8.prefix(40))
        let b = Array(b.utf8.prefix(40))
        var row = Array(0...b.count)
        for i in a.indices {
            var diagonal = row[0]
            row[0] = i + 1
            for j in b.indices {
                let above = row[j + 1]
                row[j + 1] = min(diagonal + (a[i] == b[j] ? 0 : 1), above + 1, row[j] + 1)
                diagonal = above
            }
        }
        return row[b.count]
    }
}
