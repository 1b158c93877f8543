/// What follows the colon of an event in perf's spelling: `cycles:uppD` (man perf-list, EVENT MODIFIERS).
public struct EventModifiers: Hashable, Sendable {
    /// Privilege levels counted: `u`, `k`; both where the spelling names none.
    public var user = true
    public var os = true
    /// Whose time counts: `G` guests only, `H` the host only, both or neither letter everybody's.
    public var time = CountedTime.everybody
    /// `p`, `pp`, `ppp`; `P` is the most precise the PMU has and stands for 3.
    public var precise = 0
    /// `D`: the event must always be on its counter (`attr.pinned`).
    public var pinning = Pinning.flexible
    /// `e`: the group wants the PMU alone (`attr.exclusive`).
    public var isExclusive = false

    public enum CountedTime: String, Sendable { case everybody, guest, host }
    public enum Pinning: String, Sendable { case flexible, pinned }

    public init() {}

    /// Why a list of modifiers cannot be used.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case unknown(Character, in: String)
        case tooPrecise(String)
        public var description: String {
            switch self {
            case .unknown(let letter, let text):
                "modifier `\(letter)` in `\(text)` is none of u, k, h, G, H, p, P, D, e, I, S, W"
            case .tooPrecise(let text): "`\(text)` asks for more than ppp"
            }
        }
    }

    /// - Throws: `Failure` for a letter that perf does not know, or more than three `p`.
    public init(parsing text: some StringProtocol) throws(Failure) {
        var levels = (user: false, os: false, hypervisor: false)
        var times = (guest: false, host: false)
        for letter in text {
            switch letter {
            case "u": levels.user = true
            case "k": levels.os = true
            case "h": levels.hypervisor = true
            case "G": times.guest = true
            case "H": times.host = true
            case "p": precise += 1
            case "P": precise = 3
            case "D": pinning = .pinned
            case "e": isExclusive = true
            case "I", "S", "W": break
            default: throw .unknown(letter, in: String(text))
            }
        }
        if precise > 3 { throw .tooPrecise(String(text)) }
        if levels.user || levels.os || levels.hypervisor { (user, os) = (levels.user, levels.os) }
        if times.guest != times.host { time = times.guest ? .guest : .host }
    }
}
