import Counts

@testable import Report

/// A made-up hour of a host with many vCPUs under three policies.
enum PageFixture {
    static let hour: UInt64 = 3_600_000_000_000

    static func page(vcpus: Int = 64) -> ReportPage {
        let policies = ["emulated", "mediated", "fair"]
        return ReportPage(
            title: "hour.vpt: <who> counts?", tables: policies.enumerated().map { table($1, $0, vcpus) },
            strips: policies.enumerated().map { strips($1, $0, vcpus) })
    }

    static let events = ["cycles", "instructions", "branches", "branch-misses", "cache-misses", "r01c0"]

    static func table(_ policy: String, _ number: Int, _ vcpus: Int) -> CountsTable {
        var rows: [Series] = []
        for vcpu in 0..<vcpus {
            for (counter, event) in events.enumerated() {
                let starved = number == 0 && vcpu % 8 == 0 && counter > 3
                let scaled = number == 2 && counter > 1
                let count = UInt64(vcpu + 1) * 1_000_003 * UInt64(counter + 1)
                let key = SeriesKey(owner: "guest:vm\(vcpu / 8)/\(vcpu % 8)", counter: "gp\(counter)", event: event)
                rows.append(
                    Series(
                        key: key,
                        reading: starved
                            ? .exact(0) : scaled ? .bounded(count / 2, count * 2, guess: count) : .exact(count),
                        reason: scaled ? "scaled from 60 % of the time" : "", enabledNs: hour,
                        runningNs: starved ? 0 : scaled ? hour / 2 : hour, silentNs: starved ? hour : 0))
            }
        }
        for pcpu in 0..<8 {
            rows.append(
                Series(
                    key: SeriesKey(owner: "host:agent </script>", pcpu: pcpu, event: "cycles"),
                    reading: number == 1 ? .unknown : .exact(7_000_000_000), reason: number == 1 ? "blind" : "",
                    enabledNs: hour, runningNs: number == 1 ? hour / 4 : hour, blindNs: number == 1 ? hour / 4 * 3 : 0))
        }
        return CountsTable(
            policy: policy, trace: "hour.vpt", start: 0, end: hour, series: rows,
            taints: [
                Taint(owner: "guest:vm0/0", pcpu: nil, counter: nil, from: 5, to: 9, cause: "7 records lost")
            ])
    }

    static func strips(_ policy: String, _ number: Int, _ vcpus: Int) -> TimeStrips {
        var strips = TimeStrips(policy: policy, start: 0, end: hour)
        let slice = hour / 900
        for vcpu in 0..<vcpus {
            for (counter, event) in events.enumerated() {
                let lane = strips.addOwnerLane(owner: "guest:vm\(vcpu / 8)/\(vcpu % 8)", name: "gp\(counter) \(event)")
                let starved = number == 0 && vcpu % 8 == 0 && counter > 3
                for turn in stride(from: UInt64(vcpu % 7), to: 900, by: 7) {
                    let from = turn * slice
                    if starved {
                        strips.spend(lane: lane, state: .silent, from: from, to: from + 5 * slice)
                    } else if number == 2 && counter > 1 {
                        strips.spend(lane: lane, state: .running, from: from, to: from + 2 * slice)
                        strips.spend(lane: lane, state: .waiting, from: from + 2 * slice, to: from + 5 * slice)
                    } else {
                        strips.spend(lane: lane, state: .running, from: from, to: from + 5 * slice)
                    }
                }
            }
        }
        let agent = strips.addOwnerLane(owner: "host:agent", name: "cpu 0 cycles")
        strips.spend(lane: agent, state: number == 1 ? .blind : .running, from: 0, to: hour / 2)
        for pcpu in 0..<8 {
            for counter in 0..<6 {
                let lane = strips.addCounterLane(pcpu: pcpu, counter: "gp\(counter)")
                for turn in 0..<UInt64(900) where turn % 5 != 4 {
                    let holder = strips.holder("guest:vm\((Int(turn) / 60 + counter) % 8)/\(pcpu)")
                    strips.hold(lane: lane, holder: holder, from: turn * slice, to: (turn + 1) * slice)
                }
            }
        }
        strips.finish()
        return strips
    }
}
