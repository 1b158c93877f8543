import Testing

@testable import Report

@Suite("Time strips")
struct TimeStripsTests {
    @Test("the holder of a bucket is who had the counter longest, or nobody where it was free for longer")
    func dominant() {
        var strips = TimeStrips(policy: "p", start: 100, end: 200, buckets: 4)
        let lane = strips.addCounterLane(pcpu: 0, counter: "gp0")
        let (a, b) = (strips.holder("a"), strips.holder("b"))
        strips.hold(lane: lane, holder: a, from: 0, to: 110)  // bucket 0 (100..125): a for 10
        strips.hold(lane: lane, holder: b, from: 110, to: 115)  // b for 5, free for 10
        strips.hold(lane: lane, holder: a, from: 130, to: 134)  // bucket 1: free for longest
        strips.hold(lane: lane, holder: b, from: 150, to: 400)  // buckets 2 and 3: b
        strips.finish()
        #expect(strips.counterLanes[0].holder == [0, -1, 1, 1])
        #expect(strips.counterLanes[0].share == [102, 0, 255, 255])
    }

    @Test("an owner's time is divided exactly over the buckets, whatever their borders")
    func exact() {
        let length: UInt64 = 1_000_003
        var strips = TimeStrips(policy: "p", start: 7, end: 7 + length, buckets: 13)
        let lane = strips.addOwnerLane(owner: "o", name: "n")
        strips.spend(lane: lane, state: .running, from: 7, to: 500_000)
        strips.spend(lane: lane, state: .waiting, from: 500_000, to: .max)
        let ns = strips.ownerLanes[0].ns
        let running = stride(from: 0, to: ns.count, by: 4).reduce(UInt64(0)) { $0 + ns[$1] }
        #expect(running == 499_993)
        #expect(ns.reduce(0, +) == length)
    }

    @Test("a trace of no length and one of the longest possible can be cut into buckets")
    func extremes() {
        var empty = TimeStrips(policy: "p", start: 5, end: 5)
        empty.hold(lane: empty.addCounterLane(pcpu: 0, counter: "gp0"), holder: empty.holder("a"), from: 0, to: 9)
        empty.finish()
        var long = TimeStrips(policy: "p", start: 0, end: .max, buckets: 3)
        let lane = long.addOwnerLane(owner: "o", name: "n")
        long.spend(lane: lane, state: .silent, from: 1, to: .max)
        #expect(long.ownerLanes[0].ns.reduce(0, +) == UInt64.max - 1)
    }

    @Test("equal buckets become runs")
    func runs() {
        #expect(TimeStrips.runs([]) == [])
        #expect(TimeStrips.runs([3, 3, 3, 0, 3]) == [3, 3, 1, 0, 1, 3])
    }
}
