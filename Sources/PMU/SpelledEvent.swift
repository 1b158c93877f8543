/// An event as a user of perf spells it: a config and what was asked of it.
public struct SpelledEvent: Hashable, Sendable {
    /// The spelling without its modifiers.
    public var name: String
    /// Raw config with the USR and OS bits that the modifiers leave, and INT as perf always sets it; without EN.
    public var config: UInt64
    public var modifiers: EventModifiers

    /// Why a spelling names no event of a model.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case unknown(String, model: String)
        case modifiers(EventModifiers.Failure, of: String)
        public var description: String {
            switch self {
            case .unknown(let spelling, let model):
                "\(model) has no event `\(spelling)`; name a generic event, rUUEE or event=0x..,umask=0x.."
            case .modifiers(let failure, let spelling): "event `\(spelling)`: \(failure)"
            }
        }
    }
}

extension ProcessorModel {
    /// An event in perf's spelling with modifiers: `cycles:uD`, `r01c0:G`, `cpu/event=0xc0,umask=0x1/pp`.
    ///
    /// - Throws: `SpelledEvent.Failure` for an event this model does not have or a modifier perf does not know.
    public func event(spelled spelling: String) throws(SpelledEvent.Failure) -> SpelledEvent {
        let (name, letters) = EventSpelling.split(spelling)
        guard let config = config(named: name) else { throw .unknown(name, model: self.name) }
        let modifiers: EventModifiers
        do { modifiers = try EventModifiers(parsing: letters) } catch { throw .modifiers(error, of: spelling) }
        var bits = config & ~(EventSelect.user | EventSelect.os | EventSelect.enable) | EventSelect.interrupt
        if modifiers.user { bits |= EventSelect.user }
        if modifiers.os { bits |= EventSelect.os }
        return SpelledEvent(name: name, config: bits, modifiers: modifiers)
    }

    /// The raw config of an event in perf's spelling: a generic name, a name of this model, `r01c0`, or
    /// `event=0xc0,umask=0x1,cmask=..,inv,edge`, also between `cpu/` and `/`; nil if there is no such event.
    public func config(named spelling: String) -> UInt64? {
        let lower = EventSpelling.body(spelling.lowercased())
        if let event = GenericEvent(spelling: lower) { return generic[event] }
        if let config = named[lower] { return config }
        if lower.hasPrefix("r"), let raw = EventSpelling.hexadecimal(lower.dropFirst()) { return raw }
        return EventSpelling.config(
            fromTerms: lower, flavour: flavour, unitMaskBits: rules.contains(.secondUnitMask) ? 16 : 8)
    }

    /// perf's name of `config` on this model where it has one, else `rUUEE`; USR, OS, INT and EN do not matter.
    public func eventName(of config: UInt64) -> String {
        let code =
            config
            & ~(EventSelect.user | EventSelect.os | EventSelect.interrupt | EventSelect.enable
            | (flavour == .intel ? 0 : EventSelect.guestOnly | EventSelect.hostOnly))
        if generic[.refCycles] == code { return GenericEvent.refCycles.rawValue }
        for event in GenericEvent.allCases where generic[event] == code { return event.rawValue }
        for (name, value) in named.sorted(by: { $0.key < $1.key }) where value == code { return name }
        let digits = String(code, radix: 16)
        return "r" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

/// perf's spellings of raw configs (tools/perf/Documentation/perf-list.txt; the terms are the files under
/// `/sys/bus/event_source/devices/cpu/format`).
enum EventSpelling {
    /// Takes the modifiers off: what follows the last colon, or the closing slash of `cpu/.../`.
    static func split(_ spelling: String) -> (name: String, modifiers: Substring) {
        if let colon = spelling.lastIndex(of: ":") {
            return (String(spelling[..<colon]), spelling[spelling.index(after: colon)...])
        }
        if spelling.lowercased().hasPrefix("cpu/"), let slash = spelling.lastIndex(of: "/"),
            slash > spelling.index(spelling.startIndex, offsetBy: 3)
        {
            return (String(spelling[...slash]), spelling[spelling.index(after: slash)...])
        }
        return (spelling, "")
    }

    /// What stands between `cpu/` and `/`, or the whole.
    static func body(_ text: String) -> String {
        guard text.hasPrefix("cpu/") else { return text }
        let inner = text.dropFirst(4)
        return String(inner.hasSuffix("/") ? inner.dropLast() : inner)
    }

    static func hexadecimal(_ digits: some StringProtocol) -> UInt64? {
        digits.first?.isHexDigit == true ? UInt64(digits, radix: 16) : nil
    }

    static func config(fromTerms text: String, flavour: Flavour, unitMaskBits: Int) -> UInt64? {
        var config: UInt64 = 0
        for term in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = term.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let key = parts.first, !key.isEmpty else { return nil }
            let text = parts.count == 2 ? parts[1] : "1"
            let number = text.hasPrefix("0x") ? hexadecimal(text.dropFirst(2)) : UInt64(text)
            guard let value = number, let bits = bits(of: key, value, flavour, unitMaskBits) else { return nil }
            config |= bits
        }
        return config
    }

    private static func bits(
        of term: Substring, _ value: UInt64, _ flavour: Flavour, _ unitMaskBits: Int
    ) -> UInt64? {
        switch term {
        case "event" where flavour == .intel && value <= 0xff: value
        case "event" where flavour != .intel && value <= 0xfff: value & 0xff | (value & 0xf00) << 24
        // perf's format of it is config:8-15,40-47 where there is a second one.
        case "umask" where value >> UInt64(unitMaskBits) == 0: (value & 0xff) << 8 | (value >> 8) << 40
        case "edge" where value <= 1: value << 18
        case "pc" where value <= 1 && flavour == .intel: value << 19
        case "any" where value <= 1 && flavour == .intel: value << 21
        case "inv" where value <= 1: value << 23
        case "cmask" where value <= 0xff: value << 24
        case "in_tx" where value <= 1 && flavour == .intel: value << 32
        case "in_tx_cp" where value <= 1 && flavour == .intel: value << 33
        case "config": value
        default: nil
        }
    }
}
