import Capture
import Foundation
import TestSupport
import Testing

@Suite("Recordings that end badly", .serialized, .exclusiveMachine)
struct TortureTests {
    private static let canTry =
        geteuid() == 0 && Guest.unavailability() == nil
        && (try? Recorder(options: RecordingOptions(), tool: "test", commandLine: [])) != nil

    @Test(
        "killed, ended, on a full disk, on one that turns read-only, stopped: the files open, and losses are told",
        .enabled(if: canTry, "this machine cannot record a KVM guest as root (/dev/kvm, tracefs, privilege)"))
    func torture() throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Tools/torture").path
        let result = try Shell.run(script, ["--runs", "10", "--stop", "1", Executable.url.path])
        #expect(result.status == 0, "\(result.output)\(result.errors)")
    }
}
