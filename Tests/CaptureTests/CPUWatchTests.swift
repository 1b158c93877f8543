import Testing

@testable import Capture

@Suite("CPUs that come and go")
struct CPUWatchTests {
    @Test("each change is told once, with the time since when a CPU was away")
    func changes() {
        var watch = CPUWatch(recorded: [0, 1, 2], online: [0, 1, 2])
        #expect(watch.look([0, 1, 2], now: 5) == [])
        #expect(watch.look([0, 2], now: 10) == [.left(1)])
        #expect(watch.look([0, 2], now: 11) == [])
        #expect(watch.absent.map(\.cpu) == [1])
        #expect(watch.look([0, 1, 2, 3], now: 20) == [.returned(1, since: 10), .arrived(3)])
        #expect(watch.look([0, 1, 2], now: 30) == [])
        #expect(watch.absent.isEmpty)
    }

    @Test("a CPU that was not chosen may go without a word")
    func others() {
        var watch = CPUWatch(recorded: [0], online: [0, 1])
        #expect(watch.look([0], now: 1) == [])
    }
}
