import Testing

@testable import Host

@Suite("The multiplexing timer")
struct MuxTimerTests {
    @Test(
        "ticks lie on a grid from the clock's zero, and never past its end",
        arguments: [(4, 0, 4), (4, 3, 4), (4, 4, 8), (0, 5, 6), (4, UInt64.max, UInt64.max)]
            as [(UInt64, UInt64, UInt64)])
    func grid(interval: UInt64, time: UInt64, tick: UInt64) {
        #expect(MuxTimer(interval: interval).tick(after: time) == tick)
    }
}
