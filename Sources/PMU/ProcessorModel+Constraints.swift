extension ProcessorModel {
    /// The counters `config` may use: the first matching row's, else every GP counter
    /// (`x86_get_event_constraints()`, arch/x86/events/core.c, v6.12).
    public func constraint(for config: UInt64) -> Constraint {
        for row in rows where row.matches(config) {
            return Constraint(mask: row.mask & allCounters, weight: row.weight, kind: row.kind)
        }
        return Constraint(mask: gpMask)
    }

    /// The raw config of an event in perf's spelling: a generic name, a name of this model, `r01c0`, or
    /// `event=0xc0,umask=0x1,cmask=..,inv,edge`; nil if there is no such event on this model.
    public func config(named spelling: String) -> UInt64? {
        let lower = spelling.lowercased()
        let aliases = ["cpu-cycles": "cycles", "branch-instructions": "branches"]
        if let event = GenericEvent(rawValue: aliases[lower] ?? lower) { return generic[event] }
        if let config = named[lower] { return config }
        if lower.hasPrefix("r"), let raw = UInt64(lower.dropFirst(), radix: 16) { return raw }
        return EventSpelling.config(fromTerms: lower, flavour: flavour)
    }

    /// perf's name of `config` on this model where it has one, else `rUUEE`; USR, OS, INT and EN do not matter.
    public func eventName(of config: UInt64) -> String {
        let code =
            config
            & ~(EventSelect.user | EventSelect.os | EventSelect.interrupt | EventSelect.enable
            | EventSelect.guestOnly | EventSelect.hostOnly)
        for event in GenericEvent.allCases where generic[event] == code { return event.rawValue }
        for (name, value) in named.sorted(by: { $0.key < $1.key }) where value == code { return name }
        let digits = String(code, radix: 16)
        return "r" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

/// perf's `event=0x..,umask=0x..` spelling of a raw config.
enum EventSpelling {
    static func config(fromTerms text: String, flavour: Flavour) -> UInt64? {
        var body = Substring(text)
        if body.hasPrefix("cpu/") { body = body.dropFirst(4) }
        if body.hasSuffix("/") { body = body.dropLast() }
        var config: UInt64 = 0
        for term in body.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = term.split(separator: "=", maxSplits: 1)
            guard let key = parts.first else { return nil }
            let text = parts.count == 2 ? parts[1] : "1"
            let number = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
            guard let value = number else { return nil }
            switch key {
            case "event" where flavour == .intel && value <= 0xff: config |= value
            case "event" where flavour != .intel && value <= 0xfff: config |= value & 0xff | (value & 0xf00) << 24
            case "umask" where value <= 0xff: config |= value << 8
            case "edge" where value <= 1: config |= value << 18
            case "any" where value <= 1 && flavour == .intel: config |= value << 21
            case "inv" where value <= 1: config |= value << 23
            case "cmask" where value <= 0xff: config |= value << 24
            default: return nil
            }
        }
        return config
    }
}
