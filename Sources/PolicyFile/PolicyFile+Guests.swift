import PMU
import Policy
import Yams

extension PolicyFile {
    /// Keys that may stand for all guests or for a single VM.
    static let guestKeys = [
        "guests", "guest-priority", "counter-choice", "handover", "available", "tell-guest", "guests-heed",
        "guest-counts", "event-names", "socket-events", "socket", "event-filter",
    ]

    static let filterKeys = ["action", "encoding", "events", "fixed-counters"]
    static let reservationKeys = ["pcpus", "host", "guests", "firmware"]

    static func guestRules(_ node: PolicyNode, from base: GuestRules) throws(PolicyFileError) -> GuestRules {
        var rules = base
        if let access: PolicyRules.Guests = try node.choice("guests"), access != base.access {
            let fresh = GuestRules(access: access)
            (rules.access, rules.choice, rules.handover) = (access, fresh.choice, fresh.handover)
            rules.priority = fresh.priority
        }
        if let value: GuestRules.Priority = try node.choice("guest-priority") { rules.priority = value }
        if let value: GuestRules.CounterChoice = try node.choice("counter-choice") { rules.choice = value }
        if let value: GuestRules.Handover = try node.choice("handover") { rules.handover = value }
        if let value: GuestRules.Availability = try node.choice("available") { rules.availability = value }
        if let value: GuestRules.Telling = try node.choice("tell-guest") { rules.telling = value }
        if let value: GuestRules.Heeding = try node.choice("guests-heed") { rules.heeding = value }
        if let value: GuestRules.GuestCounts = try node.choice("guest-counts") { rules.counts = value }
        if let value: GuestRules.EventNames = try node.choice("event-names") { rules.eventNames = value }
        if let value: GuestRules.SocketEvents = try node.choice("socket-events") { rules.socketEvents = value }
        if let value: GuestRules.Socket = try node.choice("socket") { rules.socket = value }
        if let filter = node.node("event-filter") {
            rules.filter = try self.filter(
                PolicyNode(filter, file: node.file, expected: "an event filter"))
        }
        return rules
    }

    private static func filter(_ node: PolicyNode) throws(PolicyFileError) -> EventFilterRule {
        try node.refuseUnknownKeys(besides: filterKeys)
        guard let action: EventFilterRule.Action = try node.choice("action") else {
            throw node.error(at: "action", "an event filter needs `action: allow` or `action: deny`")
        }
        let encoding: EventFilterRule.Encoding = try node.choice("encoding") ?? .events
        var entries: [UInt64] = []
        for entry in try node.list("events") ?? [] {
            guard let value = PolicyNode.number(entry) else {
                throw PolicyNode.error(node.file, entry.mark, "an entry of `events` must be a number, e.g. 0x01c0")
            }
            if value & ~possibleBits(encoding) != 0 {
                throw PolicyNode.error(
                    node.file, entry.mark,
                    "entry 0x\(String(value, radix: 16)) sets bits that `encoding: \(encoding.rawValue)` has not")
            }
            entries.append(value)
        }
        if entries.count > EventFilterRule.maxEntries {
            throw node.error(
                at: "events", "\(entries.count) entries; KVM takes at most \(EventFilterRule.maxEntries)")
        }
        let fixed = try node.number("fixed-counters", atMost: UInt64(UInt32.max)) ?? 0
        return EventFilterRule(
            action: action, encoding: encoding, entries: entries, fixedCounters: UInt32(fixed))
    }

    /// Event select of either vendor with umask; masked entries have an exclude bit and a mask as well.
    private static func possibleBits(_ encoding: EventFilterRule.Encoding) -> UInt64 {
        let event = EventSelect.amdEventMask | 0xff00
        return encoding == .events ? event : event | 1 << 55 | 0xff << 56
    }

    static func reservations(_ node: PolicyNode) throws(PolicyFileError) -> [Reservation] {
        var reservations: [Reservation] = []
        for item in try node.list("reservations") ?? [] {
            let item = try PolicyNode(item, file: node.file, expected: "a reservation")
            try item.refuseUnknownKeys(besides: reservationKeys)
            let list = try item.text("pcpus") ?? "all"
            guard let pcpus = PCPUSet(list: list) else {
                throw item.error(at: "pcpus", "`\(list)` is no set of pCPUs; write `all` or a list such as 0-3,8")
            }
            if reservations.contains(where: { $0.pcpus.intersects(pcpus) }) {
                throw item.error(at: "pcpus", "a pCPU of `\(list)` stands in an earlier reservation already")
            }
            let reservation = Reservation(
                pcpus: pcpus, host: try share(item, "host") ?? .everything,
                guests: try share(item, "guests") ?? .everything, firmware: try share(item, "firmware") ?? .nothing)
            if item.has("host"), item.has("guests"),
                reservation.host.mask(gp: 32, fixed: 16) & reservation.guests.mask(gp: 32, fixed: 16) != 0
            {
                throw item.error(at: "guests", "host and guests are given the same counter")
            }
            reservations.append(reservation)
        }
        return reservations
    }

    private static func share(_ node: PolicyNode, _ key: String) throws(PolicyFileError) -> CounterShare? {
        guard let items = try node.list(key) else { return nil }
        var parts: [CounterShare.Part] = []
        for item in items {
            guard let text = item.scalar?.string, let part = CounterShare.Part(text) else {
                throw PolicyNode.error(
                    node.file, item.mark,
                    "`\(item.scalar?.string ?? "a list")` names no counters; write gp0, gp0-3, fixed1, gp, fixed, "
                        + "gp-lower-half or gp-upper-half")
            }
            parts.append(part)
        }
        return CounterShare(parts)
    }
}
