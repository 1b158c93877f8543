import Report

extension Plan {
    /// What `vpmu plan` prints.
    public func text(_ terminal: Terminal) -> String {
        guard silentNs > 0 else {
            return "Under \(policy) no guest counter is silent; nothing must be given up.\n" + effectText(terminal)
        }
        var text = "Under \(policy) guest counters are silent for \(Figures.duration(silentNs)).\n"
        let pcpus = Set(parts.flatMap { $0.given.flatMap(\.pcpus) }).count
        if counters == 0 {
            text += "Nothing that the host could give up changes that.\n"
        } else {
            text +=
                endsSilence
                ? "To end it" : "To come down to \(Figures.duration(silentNsAfter)), which no event of the host causes,"
            let spread = pcpus > 1 ? " on \(pcpus) pCPUs together" : pcpus == 1 ? " on 1 pCPU" : ""
            text += " the host must give up \(counters == 1 ? "1 counter" : "\(counters) counters")\(spread):\n\n"
            text += givenTable.text(terminal)
            text += "\n" + parts.filter { !$0.given.isEmpty }.map { $0.proofText + "\n" }.joined()
        }
        return text + effectText(terminal)
    }

    private var givenTable: TextTable {
        var table = TextTable([.left("pCPUs"), .right("counters"), .left("event"), .left("whose")])
        for part in parts {
            for given in part.given {
                table.append([
                    .init(given.pcpus.isEmpty ? "a thread's" : Plan.list(given.pcpus)), .init("\(given.counters)"),
                    .init(given.event), .init(given.owners.joined(separator: " ")),
                ])
            }
        }
        return table
    }

    private func effectText(_ terminal: Terminal) -> String {
        guard !effects.isEmpty else { return "" }
        var table = TextTable([
            .left("policy"), .right("silent now"), .right("as planned"), .right("host loses now"),
            .right("as planned"), .right("refused now"), .right("as planned"),
        ])
        for one in effects {
            func cell(_ ns: UInt64) -> TextTable.Cell { .init(Figures.duration(ns), ns > 0 ? .bad : .plain) }
            table.append([
                .init(one.policy), cell(one.silentNs), cell(one.silentNsAfter), cell(one.hostLostNs),
                cell(one.hostLostNsAfter), .init("\(one.refusals)"), .init("\(one.refusalsAfter)"),
            ])
        }
        return "\n" + Tone.heading.paint("What policies make of the host as it is and as planned", terminal) + "\n"
            + table.text(terminal)
    }

    /// `0-3,8` of rising numbers.
    static func list(_ numbers: [Int]) -> String {
        var ranges: [(Int, Int)] = []
        for number in numbers {
            if let last = ranges.last, last.1 + 1 == number {
                ranges[ranges.count - 1].1 = number
            } else {
                ranges.append((number, number))
            }
        }
        return ranges.map { $0.0 == $0.1 ? "\($0.0)" : "\($0.0)-\($0.1)" }.joined(separator: ",")
    }
}

extension Plan.Part {
    var proofText: String {
        let place = "pCPU\(pcpus.count == 1 ? "" : "s") \(Plan.list(pcpus))"
        switch proof {
        case .exhaustive:
            let alike = equals.map { $0 == 1 ? "; no other set of its size does" : "; \($0) sets of its size do" } ?? ""
            return "\(place): no smaller set does, all were tried (\(tries) in all)\(alike)."
        case .irreducible:
            return "\(place): too many sets to try them all (\(tries) tried); nothing in this one can be kept."
        }
    }
}
