import Policy

extension PolicyFile {
    /// Combinations that no host could carry out; the error stands at the key that makes it so.
    static func refuseContradictions(
        _ node: PolicyNode, _ guest: GuestRules, _ rules: PolicyRules
    ) throws(PolicyFileError) {
        switch guest.access {
        case .emulated:
            if guest.handover != .never {
                throw node.error(at: "handover", "the PMU changes hands only with `guests: mediated`")
            }
        case .mediated:
            if guest.handover == .never {
                throw node.error(at: "handover", "`guests: mediated` needs `handover: entry-exit` or `time-slice`")
            }
            if node.has("guest-priority") {
                throw node.error(at: "guest-priority", "mediated guests have no events among the host's")
            }
            if guest.choice == .anyFitting {
                throw node.error(at: "counter-choice", "a mediated guest's counter M is physical counter M")
            }
            if rules.hostVisibility == .everything {
                throw node.error(
                    at: "host-visibility", "the host cannot see guests that hold the PMU; `refuses` or `blinded`")
            }
        case .none:
            for key in ["guest-priority", "counter-choice", "available", "guests-heed", "guest-counts"]
            where node.has(key) {
                throw node.error(at: key, "`\(key)` says nothing of guests without a PMU")
            }
            if guest.handover != .never || guest.telling != .silent {
                throw node.error(at: "guests", "guests without a PMU can be handed and told nothing")
            }
        }
        if guest.priority == .ultimate, rules.arbitration == .firstCome {
            throw node.error(at: "guest-priority", "`ultimate` displaces, `arbitration: first-come` forbids it")
        }
        try refuseUntellable(node, guest, rules)
    }

    private static func refuseUntellable(
        _ node: PolicyNode, _ guest: GuestRules, _ rules: PolicyRules
    ) throws(PolicyFileError) {
        if guest.availability == .freeAtPowerOn, guest.access == .emulated, guest.choice != .exact {
            throw node.error(
                at: "available", "`free-at-power-on` needs `counter-choice: exact`: else M says nothing of M")
        }
        switch guest.telling {
        case .silent: break
        case .fault where guest.choice != .exact:
            throw node.error(at: "tell-guest", "`fault` needs `counter-choice: exact`; other requests fail too late")
        case .evtselNonzero where guest.availability != .freeAtPowerOn:
            throw node.error(at: "tell-guest", "`evtsel-nonzero` needs `available: free-at-power-on`")
        case .inuse where guest.access != .emulated:
            throw node.error(at: "tell-guest", "`inuse` needs `guests: emulated`: a ceded PMU is nobody else's")
        case .hideCounter where rules.reservations.isEmpty:
            throw node.error(at: "tell-guest", "`hide-counter` needs `reservations` to hide")
        default: break
        }
        if guest.socket == .owned, guest.socketEvents != .socketOwners {
            throw node.error(at: "socket", "`owned` matters only with `socket-events: socket-owners`")
        }
    }
}
