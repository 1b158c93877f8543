import Policy

/// One rule of a policy that can be taken over from another one.
struct RuleKnob: Sendable {
    /// The policy file's key.
    let name: String
    let cause: Explanation.Cause
    let differs: @Sendable (PolicyRules, PolicyRules) -> Bool
    let value: @Sendable (PolicyRules) -> String
    let take: @Sendable (inout PolicyRules, PolicyRules) -> Void

    private static func own<Value: Equatable & SendableMetatype>(
        _ name: String, _ cause: Explanation.Cause, _ path: WritableKeyPath<PolicyRules, Value> & Sendable,
        _ word: @escaping @Sendable (Value) -> String
    ) -> RuleKnob {
        RuleKnob(
            name: name, cause: cause, differs: { $0[keyPath: path] != $1[keyPath: path] },
            value: { word($0[keyPath: path]) }, take: { $0[keyPath: path] = $1[keyPath: path] })
    }

    /// A rule about guests: the common one, and that of each VM which has its own.
    private static func guest<Value: Equatable & SendableMetatype>(
        _ name: String, _ cause: Explanation.Cause, _ path: WritableKeyPath<GuestRules, Value> & Sendable,
        _ word: @escaping @Sendable (Value) -> String
    ) -> RuleKnob {
        @Sendable func all(_ rules: PolicyRules, like other: PolicyRules) -> [Value] {
            let vms = Set(rules.overrides.keys).union(other.overrides.keys).sorted()
            return [rules.guest[keyPath: path]] + vms.map { rules.guestRules(vm: $0)[keyPath: path] }
        }
        return RuleKnob(
            name: name, cause: cause, differs: { all($0, like: $1) != all($1, like: $0) },
            value: { rules in
                let own = rules.overrides.sorted { $0.key < $1.key }.filter {
                    $0.value[keyPath: path] != rules.guest[keyPath: path]
                }
                return
                    ([word(rules.guest[keyPath: path])] + own.map { "\(word($0.value[keyPath: path])) for \($0.key)" })
                    .joined(separator: ", ")
            },
            take: { rules, other in
                for vm in Set(rules.overrides.keys).union(other.overrides.keys) {
                    var own = rules.guestRules(vm: vm)
                    own[keyPath: path] = other.guestRules(vm: vm)[keyPath: path]
                    rules.overrides[vm] = own
                }
                rules.guest[keyPath: path] = other.guest[keyPath: path]
            })
    }

    /// `guests`, `handover` and the priority of guests go together: a ceded PMU without a hand-over is no policy.
    private static let access = RuleKnob(
        name: "guests", cause: .handOver,
        differs: { a, b in
            let vms = Set(a.overrides.keys).union(b.overrides.keys)
            return a.guest.access != b.guest.access || a.guest.handover != b.guest.handover
                || vms.contains {
                    a.guestRules(vm: $0).access != b.guestRules(vm: $0).access
                        || a.guestRules(vm: $0).handover != b.guestRules(vm: $0).handover
                }
        },
        value: { "\($0.guest.access.rawValue), handover \($0.guest.handover.rawValue)" },
        take: { rules, other in
            func take(_ own: inout GuestRules, _ theirs: GuestRules) {
                own.access = theirs.access
                own.handover = theirs.handover
                own.choice = theirs.choice
            }
            for vm in Set(rules.overrides.keys).union(other.overrides.keys) {
                var own = rules.guestRules(vm: vm)
                take(&own, other.guestRules(vm: vm))
                rules.overrides[vm] = own
            }
            take(&rules.guest, other.guest)
            rules.hostVisibility = other.hostVisibility
        })

    /// Every rule on which a decision can hang, the weightiest first.
    static let all: [RuleKnob] = [
        access,
        own("arbitration", .firstCome, \.arbitration) { $0.rawValue },
        own("reservations", .reservation, \.reservations) { "\($0.count) sets" },
        own("pinned-misfit", .errorKept, \.pinnedMisfit) { $0.rawValue },
        own("misfit", .misfitBlocksLater, \.misfit) { $0.rawValue },
        own("freed", .freedCounter, \.freed) { $0.rawValue },
        own("task-pinned", .displacement, \.taskPinned) { $0.rawValue },
        own("flexible-order", .flexibleOrder, \.flexibleOrder) { $0.rawValue },
        own("host-visibility", .hostVisibility, \.hostVisibility) { $0.rawValue },
        guest("filter", .filter, \.filter) { $0.map { "\($0.action.rawValue) \($0.entries.count) events" } ?? "none" },
        guest("guest-priority", .priority, \.priority) { $0.rawValue },
        guest("counter-choice", .exactCounter, \.choice) { $0.rawValue },
        guest("available", .availability, \.availability) { $0.rawValue },
        guest("event-names", .eventNames, \.eventNames) { $0.rawValue },
        guest("socket-events", .socketEvents, \.socketEvents) { $0.rawValue },
        guest("socket", .socketEvents, \.socket) { $0.rawValue },
        guest("tell-guest", .guestReaction, \.telling) { $0.rawValue },
        guest("guests-heed", .guestReaction, \.heeding) { $0.rawValue },
    ]
}
