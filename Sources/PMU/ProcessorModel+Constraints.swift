extension ProcessorModel {
    /// The counters `config` may use.
    ///
    /// - Parameter precise: perf's `precise_ip`, 0 to 3; anything above 0 asks for PEBS, 3 for the least skid.
    public func constraint(for config: UInt64, precise: Int = 0) -> Constraint {
        if precise == 3, rules.contains(.preciseInstructionsOnFixed0), ProcessorModel.instructions.matches(config) {
            return Constraint(mask: Counter.fixed(0).bit & fixedMask)
        }
        var constraint = tableConstraint(config, precise: precise)
        if rules.contains(.checkpointedOnGP2), config & EventSelect.inTXCheckpointed != 0 {
            constraint = only(.gp(2), of: constraint)
        }
        if rules.contains(.reservesGP3ForTSX) { constraint = constraint.without(Counter.gp(3).bit) }
        if precise == 3, rules.contains(.preciseDistributionOnGP0) { constraint = only(.gp(0), of: constraint) }
        return constraint
    }

    /// The row that decides for `config`: the first match, nil where every GP counter will do
    /// (`x86_get_event_constraints()`, arch/x86/events/core.c, v6.12).
    public func row(for config: UInt64, precise: Int = 0) -> ConstraintRow? {
        if precise > 0, let row = preciseRows.first(where: { $0.matches(config) }) { return row }
        return rows.first { $0.matches(config) }
    }

    private static let instructions = ConstraintRow.fixed(0x00c0, 0)

    private func tableConstraint(_ config: UInt64, precise: Int) -> Constraint {
        if precise > 0, !rules.contains(.preciseOnAnyEvent), !preciseRows.contains(where: { $0.matches(config) }) {
            return .impossible
        }
        guard let row = row(for: config, precise: precise) else { return Constraint(mask: gpMask) }
        let reached = row.reach == .listedAndGP ? row.mask | gpMask : row.mask
        return Constraint(mask: reached & (allCounters | metricMask), weight: row.weight, kind: row.kind)
    }

    private func only(_ counter: Counter, of constraint: Constraint) -> Constraint {
        constraint.mask & counter.bit != 0 ? Constraint(mask: counter.bit) : .impossible
    }
}
