/// What each operation of a policy takes in time, as somebody measured it: nothing here has a default, because times
/// belong to a machine.
public struct CostTable: Sendable, Equatable {
    /// Who measured it, on what: shown beside every time that comes from it.
    public var source: String
    /// ns of one guest access that leaves the guest.
    public var interceptedAccess: UInt64 = 0
    /// ns of making, enabling and reprogramming a perf event for a guest's counter.
    public var eventCreated: UInt64 = 0
    public var eventEnabled: UInt64 = 0
    public var eventReprogrammed: UInt64 = 0
    /// ns of one write of a PMU register, whoever makes it.
    public var registerWrite: UInt64 = 0

    public init(source: String) { self.source = source }

    /// ns that `operations` take; saturates.
    public func time(of operations: OperationCounts) -> UInt64 {
        let parts: [(UInt64, UInt64)] = [
            (operations.interceptedAccesses, interceptedAccess), (operations.eventsCreated, eventCreated),
            (operations.eventsEnabled, eventEnabled), (operations.eventsReprogrammed, eventReprogrammed),
            (operations.registerWrites, registerWrite),
        ]
        var sum: UInt64 = 0
        for (count, cost) in parts {
            let (product, overflow) = count.multipliedReportingOverflow(by: cost)
            let (total, carry) = sum.addingReportingOverflow(overflow ? .max : product)
            sum = carry ? .max : total
        }
        return sum
    }
}

extension CountsTable {
    /// The same table with the time that each vCPU's operations, and the host's, take by `costs`.
    public func costed(by costs: CostTable) -> CountsTable {
        var table = self
        for index in table.operations.indices {
            table.operations[index].cost = OperationCounts.Cost(
                ns: costs.time(of: table.operations[index]), source: costs.source)
        }
        return table
    }
}
