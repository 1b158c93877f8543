import Foundation
import Testing

/// A suite that records this whole machine, or runs guests that others would record: only one at a time, in any
/// process.
public struct ExclusiveMachine: SuiteTrait, TestTrait, TestScoping {
    private static let path = "/tmp/vpmu-tests-live.\(getuid()).lock"

    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let lock = open(Self.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard lock >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        defer { close(lock) }
        // Never a blocking wait: the holder's tests need the thread that would wait here.
        while flock(lock, LOCK_EX | LOCK_NB) != 0 { try await Task.sleep(for: .milliseconds(20)) }
        try await function()
    }
}

extension Trait where Self == ExclusiveMachine {
    public static var exclusiveMachine: Self { ExclusiveMachine() }
}
