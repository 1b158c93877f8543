import Yams

/// Where two policy files differ, key by key, and the mixtures between them.
///
/// A knob is one key of the file, or one key of a VM's own rules (`vms.NAME.KEY`). What a file leaves out stays left
/// out: its value follows from the others.
public struct PolicyKnobs: Sendable {
    public struct Knob: Sendable, Equatable, CustomStringConvertible {
        /// The key, and for a VM's own rules `vms`, its name and the key.
        public let path: [String]
        /// Flow-style YAML; nil where the file does not say.
        public let a: String?
        public let b: String?

        /// `pinned-misfit: sticky → retry-at-sched-in`
        public var description: String { "\(path.joined(separator: ".")): \(a ?? "unsaid") → \(b ?? "unsaid")" }
    }

    /// In the order of the keys' names.
    public let differing: [Knob]
    private let base: [[String]: String]

    /// Keys that change nothing.
    private static let words: Set<String> = ["name", "models", "argued-by"]

    /// - Throws: `PolicyUnusable` where a text is no YAML mapping.
    public init(_ a: String, _ b: String) throws {
        let (left, right) = (try Self.flat(a, "A"), try Self.flat(b, "B"))
        base = left
        let keys = Set(left.keys).union(right.keys).filter { !Self.words.contains($0[0]) }
        differing = keys.sorted { $0.lexicographicallyPrecedes($1) }.compactMap { key in
            left[key] == right[key] ? nil : Knob(path: key, a: left[key], b: right[key])
        }
    }

    /// The text of policy A with the knobs of `taken` (indexes into `differing`) set as in B.
    public func mixture(_ taken: some Sequence<Int>) throws -> String {
        var values = base
        for index in taken { values[differing[index].path] = differing[index].b }
        var root: [(Node, Node)] = []
        var vms: [String: [(Node, Node)]] = [:]
        for (path, text) in values.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let value = try Yams.compose(yaml: text) ?? Node("", Tag(.null))
            if path.count == 3 {
                vms[path[1], default: []].append((Node(path[2]), value))
            } else {
                root.append((Node(path[0]), value))
            }
        }
        if !vms.isEmpty {
            let all = vms.sorted { $0.key < $1.key }.map { (Node($0.key), Node($0.value)) }
            root.append((Node("vms"), Node(all)))
        }
        return try Yams.serialize(node: Node(root))
    }

    private static func flat(_ text: String, _ which: String) throws -> [[String]: String] {
        let root: Node?
        do { root = try Yams.compose(yaml: text) } catch { throw PolicyUnusable("policy \(which): \(error)") }
        guard let mapping = root?.mapping else { throw PolicyUnusable("policy \(which) is not a YAML mapping") }
        var flat: [[String]: String] = [:]
        for (key, value) in mapping {
            let name = key.string ?? ""
            guard name == "vms", let vms = value.mapping else {
                flat[[name]] = try flow(value)
                continue
            }
            for (vm, rules) in vms {
                for (knob, value) in rules.mapping ?? [:] {
                    flat[["vms", vm.string ?? "", knob.string ?? ""]] = try flow(value)
                }
            }
        }
        return flat
    }

    /// One line of YAML, the same for the same value however it was laid out.
    private static func flow(_ node: Node) throws -> String {
        var node = node
        setFlow(&node)
        return try Yams.serialize(node: node, width: -1).split(separator: "\n").joined(separator: " ")
    }

    private static func setFlow(_ node: inout Node) {
        switch node {
        case .mapping(var mapping):
            var pairs: [(Node, Node)] = []
            for (key, value) in mapping {
                var value = value
                setFlow(&value)
                pairs.append((key, value))
            }
            mapping = Node.Mapping(pairs, mapping.tag, .flow)
            node = .mapping(mapping)
        case .sequence(let sequence):
            var items: [Node] = []
            for item in sequence {
                var item = item
                setFlow(&item)
                items.append(item)
            }
            node = .sequence(Node.Sequence(items, sequence.tag, .flow))
        case .scalar(let scalar): node = .scalar(Node.Scalar(scalar.string, scalar.tag, .any))
        default: break
        }
    }
}
