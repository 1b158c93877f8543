import Foundation
import Host
import PMU
import Policy
import PolicyFile
import Testing
import Trace

@testable import Scenario

/// `guest-counts: scaled`: what a guest reads of a counter that takes turns with others.
@Suite("Counts scaled by enabled over running time")
struct ScaledCountsTests {
    /// Four general-purpose counters, three flexible events of the host and three of the guest: everybody waits now and
    /// then. The guest's events happen at a steady rate.
    static let crowded = """
        processor: {model: skylake-sp, cores: 1}
        duration: 400ms
        mux-interval: 1ms
        rates: {host: {r01d1: 10M, r0151: 10M, r0149: 10M}, guest: {r01d1: 10M, r0151: 10M, r0149: 10M}}
        events:
          - {name: a, event: r01d1, cpus: all}
          - {name: b, event: r0151, cpus: all}
          - {name: c, event: r0149, cpus: all}
        vms:
          - name: m
            guest: 900us
            host: 1us
            vcpus: [{cpu: 0}]
            program:
              - {at: 1ms, write: [0x186, 0x5301d1]}
              - {write: [0x187, 0x530151]}
              - {write: [0x188, 0x530149]}
              - {at: 201ms, read: 0xc1}
              - {read: 0xc2}
              - {at: 399ms, read: 0xc1}
              - {read: 0xc2}
        """

    private func readings(_ counts: GuestRules.GuestCounts) throws -> [UInt64] {
        var rules = try #require(try PolicyCatalogue.rules(named: "fair"))
        #expect(rules.guest.counts == .scaled)
        rules.guest.counts = counts
        let synth = Synth(try ScenarioReader.read(text: Self.crowded, file: "s.yaml"), rules: rules)
        var buffer = TraceBuffer(metadata: synth.metadata(tool: "test"))
        _ = try synth.run(into: &buffer)
        return buffer.events.filter { $0.kind == .kvmMSR && !$0.isWrite }.map(\.value)
    }

    @Test("a multiplexed guest counter reads as if it had run all the time, and without scaling it reads less")
    func scaled() throws {
        let scaled = try readings(.scaled)
        let plain = try readings(.asCounted)
        #expect(scaled.count == 4 && plain.count == 4)
        // Guest mode is nearly all of the time: about 2,000,000 events by 201 ms, 3,980,000 by 399 ms.
        for (value, wanted) in zip(scaled, [2_000_000.0, 2_000_000, 3_980_000, 3_980_000]) {
            #expect(abs(Double(value) - wanted) < 0.03 * wanted, "\(value) read, \(wanted) happened")
        }
        for (value, full) in zip(plain, scaled) {
            #expect(Double(value) < 0.9 * Double(full) && value > full / 10, "\(value) without scaling, \(full) with")
        }
    }

    @Test("a counter that always runs reads the same scaled or not")
    func always() throws {
        let alone = Self.crowded.replacingOccurrences(of: "cpus: all", with: "cpus: all, from: 399900us")
        var rules = try #require(try PolicyCatalogue.rules(named: "fair"))
        var readings: [[UInt64]] = []
        for counts in GuestRules.GuestCounts.allCases {
            rules.guest.counts = counts
            let synth = Synth(try ScenarioReader.read(text: alone, file: "s.yaml"), rules: rules)
            var buffer = TraceBuffer(metadata: synth.metadata(tool: "test"))
            _ = try synth.run(into: &buffer)
            readings.append(buffer.events.filter { $0.kind == .kvmMSR && !$0.isWrite }.map(\.value))
        }
        #expect(readings[0] == readings[1] && readings[0].allSatisfy { $0 > 0 })
    }
}
