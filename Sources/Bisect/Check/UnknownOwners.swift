import Timeline

/// Owners asked for that no trace has: a slip of the pen would else be answered "nothing differs".
public struct UnknownOwners: Error, Equatable, CustomStringConvertible {
    public var asked: [String]
    public var trace: String
    /// Owners that the trace has.
    public var known: [String]

    public var description: String {
        let some = known.prefix(8).joined(separator: ", ") + (known.count > 8 ? " and \(known.count - 8) more" : "")
        return "\(trace): no \(asked.joined(separator: " and no ")) in it; it has \(known.isEmpty ? "no owners" : some)"
    }
}

extension Timeline {
    /// Everybody whose counts a replay tells, `guest:VM/VCPU` and `host:NAME`, each once.
    public var owners: [String] {
        var seen: Set<String> = []
        let all =
            demand.actors.vcpus.indices.map { owner(vcpu: $0) }
            + demand.actors.hostEvents.indices.map { owner(hostEvent: $0) }
        return all.filter { seen.insert($0).inserted }
    }

    /// Those of `asked` (`guest:VM`, `guest:VM/VCPU`, `host:NAME`) that are nobody here.
    public func lacks(_ asked: [String]) -> [String] {
        let owners = owners
        return asked.filter { wanted in !owners.contains { $0 == wanted || $0.hasPrefix(wanted + "/") } }
    }

    /// - Throws: `UnknownOwners` where any of `asked` is nobody here.
    public func require(_ asked: [String], trace: String) throws(UnknownOwners) {
        let missing = lacks(asked)
        if !missing.isEmpty { throw UnknownOwners(asked: missing, trace: trace, known: owners) }
    }
}
