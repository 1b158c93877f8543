import Foundation

@testable import Capture

/// What this machine can do, asked once.
enum ThisMachine {
    /// Guests of KVM run here.
    static let runsGuests = Guest.unavailability() == nil

    /// And they can be recorded.
    static let recordsGuests =
        runsGuests && (try? Recorder(options: RecordingOptions(), tool: "test", commandLine: [])) != nil

    /// A tracing instance can be made.
    static let makesInstances: Bool = {
        guard let tracefs = try? Tracefs() else { return false }
        return (try? TracefsInstance(tracefs)) != nil
    }()
}
