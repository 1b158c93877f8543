import Trace

/// Users of uncore PMUs: register accesses of their own, beside everything that scheduling decides.
extension Simulation {
    mutating func beginUncore() {
        for number in scenario.uncore.indices {
            let plan = scenario.uncore[number]
            uncoreAccess(.writeMSR, plan.control, plan.value, pcpu: plan.pcpu)
            readUncore(number)
        }
    }

    mutating func readUncore(_ number: Int) {
        let plan = scenario.uncore[number]
        let (product, time) = (plan.rate.multipliedFullWidth(by: now), UInt64(1_000_000_000))
        let count = product.high < time ? time.dividingFullWidth(product).quotient : .max
        uncoreAccess(.readMSR, plan.counter, count & 0xffff_ffff_ffff, pcpu: plan.pcpu)
        queue.add(.readUncore(number), at: now + plan.readEvery)
    }

    private mutating func uncoreAccess(_ kind: EventKind, _ register: UInt32, _ value: UInt64, pcpu: Int) {
        hardware.record(
            .host(
                kind, time: now, pcpu: UInt16(pcpu), pid: hardware.pcpus[pcpu].pid, flags: hardware.pcpus[pcpu].flags,
                register: register, value: value))
    }
}
