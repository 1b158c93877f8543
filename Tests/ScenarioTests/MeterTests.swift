import Testing

@testable import Scenario

@Suite("How a context counts")
struct MeterTests {
    @Test("the count is the floor of the rate's integral over the time the context ran")
    func floor() {
        var meter = ContextMeter(events: 1)
        meter.setRate(0, 3, at: 0)
        meter.start(at: 100)
        #expect(meter.count(0, at: 100 + 333_333_333) == 0)
        #expect(meter.count(0, at: 100 + 333_333_334) == 1)
        meter.stop(at: 100 + 500_000_000)
        #expect(meter.count(0, at: 10_000_000_000) == 1)
        meter.start(at: 20_000_000_000)
        // Half an event was left over from before.
        #expect(meter.count(0, at: 20_000_000_000 + 166_666_667) == 2)
    }

    @Test("counts over adjacent intervals add up exactly, across changes of rate")
    func additive() {
        var meter = ContextMeter(events: 1)
        meter.setRate(0, 1_234_567_891, at: 0)
        meter.start(at: 0)
        var sum: UInt64 = 0
        var last: UInt64 = 0
        for time in stride(from: UInt64(7), to: 1_000_000, by: 977) {
            if time > 500_000 { meter.setRate(0, 987_654_321, at: time) }
            sum += meter.count(0, at: time) - last
            last = meter.count(0, at: time)
        }
        #expect(sum == last)
    }

    @Test("the time of a growth is the first nanosecond at which the count has grown by it")
    func firstNanosecond() throws {
        var meter = ContextMeter(events: 1)
        meter.setRate(0, 2_800_000_001, at: 0)
        meter.start(at: 0)
        for growth: UInt64 in [1, 2, 3, 1000, 2_000_000] {
            let time = try #require(meter.time(of: 0, growth: growth, after: 12_345))
            let base = meter.count(0, at: 12_345)
            #expect(meter.count(0, at: time) >= base + growth)
            #expect(meter.count(0, at: time - 1) < base + growth)
        }
        meter.stop(at: 20_000)
        #expect(meter.time(of: 0, growth: 1, after: 20_000) == nil)
    }

    @Test("a day at the highest rate does not overflow")
    func longDay() {
        var meter = ContextMeter(events: 1)
        meter.setRate(0, 100_000_000_000, at: 0)
        meter.start(at: 0)
        #expect(meter.count(0, at: 86_400_000_000_000) == 8_640_000_000_000_000)
    }
}
