import Capture
import Testing

@Suite("What a recording is asked for")
struct RecordingOptionsTests {
    @Test("limits that must be kept, and a command whose guests may live for moments, are looked after more often")
    func ticks() {
        let unhurried = RecordingOptions().tickNanoseconds
        var limited = RecordingOptions()
        limited.limits.mostBytes = 1 << 20
        var frugal = RecordingOptions()
        frugal.mostOverheadPercent = 1
        var commanded = RecordingOptions()
        commanded.command = ["true"]
        for options in [limited, frugal, commanded] { #expect(options.tickNanoseconds < unhurried) }
    }
}
