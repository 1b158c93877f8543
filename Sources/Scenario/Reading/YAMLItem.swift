import Yams

/// One value of a scenario file with the place it stands at, for errors that point there.
struct YAMLItem {
    let node: Node
    let file: String
    /// What the value is, in words: "`duration`", "an entry of `vms`".
    let what: String

    func error(_ reason: String) -> ScenarioError {
        ScenarioError(file: file, line: node.mark?.line, column: node.mark?.column, reason: reason)
    }

    func text() throws(ScenarioError) -> String {
        guard case .scalar(let scalar) = node else { throw error("\(what) must be a single value") }
        return scalar.string
    }

    func value<Value>(_ parse: (String) -> Value?, _ expected: String) throws(ScenarioError) -> Value {
        let text = try text()
        guard let value = parse(text) else { throw error("\(what) is `\(text)`; write \(expected)") }
        return value
    }

    func time() throws(ScenarioError) -> UInt64 {
        try value(ScenarioQuantity.nanoseconds, "a time with its unit, such as 250us, 10ms or 1.5s")
    }

    func number(_ range: ClosedRange<UInt64> = 0...UInt64.max) throws(ScenarioError) -> UInt64 {
        let number = try value(ScenarioQuantity.number, "a number, decimal or 0x hexadecimal")
        guard range.contains(number) else {
            throw error("\(what) is \(number); it must lie in \(range.lowerBound)...\(range.upperBound)")
        }
        return number
    }

    func count() throws(ScenarioError) -> UInt64 {
        try value(ScenarioQuantity.count, "a number such as 77, 5k, 300M or 1.2G")
    }

    func choice<Choice: RawRepresentable & CaseIterable>(_: Choice.Type) throws(ScenarioError) -> Choice
    where Choice.RawValue == String {
        try value(Choice.init(rawValue:), Choice.allCases.map(\.rawValue).joined(separator: " or "))
    }

    func switched() throws(ScenarioError) -> Bool {
        try value({ ["on": true, "true": true, "off": false, "false": false][$0] }, "on or off")
    }

    /// The entries of a sequence.
    func entries() throws(ScenarioError) -> [YAMLItem] {
        guard case .sequence(let sequence) = node else { throw error("\(what) must be a list") }
        return sequence.map { YAMLItem(node: $0, file: file, what: "an entry of \(what)") }
    }

    /// The fields of a mapping, which may have no others than `known`.
    func fields(_ known: [String]) throws(ScenarioError) -> YAMLFields {
        try YAMLFields(self, known: known)
    }

    var isMapping: Bool { if case .mapping = node { true } else { false } }
    var isSequence: Bool { if case .sequence = node { true } else { false } }
}

/// A mapping's fields by key.
struct YAMLFields {
    let item: YAMLItem
    private var values: [String: YAMLItem] = [:]

    init(_ item: YAMLItem, known: [String]) throws(ScenarioError) {
        self.item = item
        guard case .mapping(let mapping) = item.node else {
            throw item.error("\(item.what) must be a mapping with the keys \(known.joined(separator: ", "))")
        }
        for (key, value) in mapping {
            let place = YAMLItem(node: key, file: item.file, what: "a key")
            let name = try place.text()
            guard known.contains(name) else {
                throw place.error(
                    "unknown key `\(name)` in \(item.what); it takes \(known.joined(separator: ", "))")
            }
            values[name] = YAMLItem(node: value, file: item.file, what: "`\(name)`")
        }
    }

    subscript(_ key: String) -> YAMLItem? { values[key] }

    func required(_ key: String) throws(ScenarioError) -> YAMLItem {
        guard let value = values[key] else { throw item.error("\(item.what) lacks the key `\(key)`") }
        return value
    }

    func time(_ key: String, default fallback: UInt64) throws(ScenarioError) -> UInt64 {
        try values[key]?.time() ?? fallback
    }
}
