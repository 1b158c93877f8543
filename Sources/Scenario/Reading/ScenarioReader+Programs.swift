import PMU

extension ScenarioReader {
    private enum KindWord: String, CaseIterable {
        case openLoop = "open-loop"
        case perfStat = "perf-stat"
        case perfRecord = "perf-record"
    }

    /// A list of steps, or a mapping with the kind of guest.
    func program(_ item: YAMLItem) throws(ScenarioError) -> GuestProgram {
        if item.isSequence { return GuestProgram(kind: .openLoop(try steps(item, depth: 0))) }
        let fields = try item.fields([
            "kind", "access-interval", "steps", "events", "from", "to", "rotate-every", "read-every",
        ])
        let kind = try fields.required("kind").choice(KindWord.self)
        func refuse(_ keys: String...) throws(ScenarioError) {
            for key in keys {
                if let item = fields[key] {
                    throw item.error("\(item.what) has no place in a guest of kind \(kind.rawValue)")
                }
            }
        }
        let from = try fields.time("from", default: 0)
        let to = try fields.time("to", default: duration)
        let parsed: GuestProgram.Kind
        switch kind {
        case .openLoop:
            try refuse("events", "from", "to", "rotate-every", "read-every")
            parsed = .openLoop(try steps(try fields.required("steps"), depth: 0))
        case .perfStat:
            try refuse("steps")
            var events: [UInt64] = []
            for entry in try fields.required("events").entries() {
                events.append(try config(entry) | Privilege.all.bits)
            }
            parsed = .perfStat(
                .init(
                    events: events, from: from, to: to,
                    rotateEvery: try interval(fields, "rotate-every", default: 4_000_000),
                    readEvery: try interval(fields, "read-every", default: 100_000_000)))
        case .perfRecord:
            try refuse("steps", "rotate-every", "read-every")
            var events: [GuestProgram.PerfRecord.Sampled] = []
            for entry in try fields.required("events").entries() {
                let event = try entry.fields(["event", "period"])
                let period = try event.required("period")
                let value = try period.count()
                guard value >= 1_000, value < 1 << 31 else {
                    throw period.error("`period` is \(value); it must lie in 1000...2147483647")
                }
                events.append(
                    .init(config: try config(try event.required("event")) | Privilege.all.bits, period: value))
            }
            parsed = .perfRecord(.init(events: events, from: from, to: to))
        }
        return GuestProgram(
            kind: parsed, accessInterval: try accessInterval(fields))
    }

    private func accessInterval(_ fields: YAMLFields) throws(ScenarioError) -> UInt64 {
        guard let item = fields["access-interval"] else { return 1_000 }
        let time = try item.time()
        guard time >= 1 else { throw item.error("`access-interval` must be 1ns or more") }
        return time
    }

    private func steps(_ item: YAMLItem, depth: Int) throws(ScenarioError) -> [GuestProgram.Step] {
        guard depth < 8 else { throw item.error("loops nest more than 8 deep") }
        var steps: [GuestProgram.Step] = []
        for entry in try item.entries() {
            let fields = try entry.fields(["at", "wait", "write", "read", "rdpmc", "emulate", "repeat", "steps"])
            let actions = ["write", "read", "rdpmc", "emulate", "repeat"].filter { fields[$0] != nil }
            guard actions.count <= 1 else {
                throw entry.error("a step does one thing, not `\(actions[0])` and `\(actions[1])`")
            }
            if let item = fields["steps"], fields["repeat"] == nil { throw item.error("`steps` needs `repeat`") }
            if let at = fields["at"] { steps.append(.at(try at.time())) }
            if let wait = fields["wait"] { steps.append(.wait(try wait.time())) }
            if let write = fields["write"] {
                let pair = try write.entries()
                guard pair.count == 2 else { throw write.error("`write` is [register, value]") }
                steps.append(.write(register: UInt32(try pair[0].number(0...0xffff_ffff)), value: try pair[1].number()))
            } else if let read = fields["read"] {
                steps.append(.read(register: UInt32(try read.number(0...0xffff_ffff))))
            } else if let item = fields["rdpmc"] {
                steps.append(.readPMC(try item.value(counter, "a counter such as gp0 or fixed1")))
            } else if let item = fields["emulate"] {
                let word = try item.value({ ["instruction": false, "branch": true][$0] }, "instruction or branch")
                steps.append(.emulated(isBranch: word))
            } else if let item = fields["repeat"] {
                let count = Int(try item.number(0...1_000_000_000))
                steps.append(.loop(count: count, try self.steps(try fields.required("steps"), depth: depth + 1)))
            }
        }
        return steps
    }

    private func counter(_ text: String) -> Counter? {
        if text.hasPrefix("gp"), let number = Int(text.dropFirst(2)), (0..<32).contains(number) { return .gp(number) }
        if text.hasPrefix("fixed"), let number = Int(text.dropFirst(5)), (0..<16).contains(number) {
            return .fixed(number)
        }
        return nil
    }
}
