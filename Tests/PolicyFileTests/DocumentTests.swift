import Foundation
import Policy
import Testing

@testable import PolicyFile

/// Traces/POLICY.md describes the file that the decoder reads: every key, every value, and examples that decode.
@Suite("The policy file's description")
struct DocumentTests {
    static let traces = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Traces")

    private static func text() throws -> String {
        try String(contentsOf: traces.appendingPathComponent("POLICY.md"), encoding: .utf8)
    }

    @Test("every key and every value of an enumeration is described")
    func keys() throws {
        let text = try Self.text()
        let keys = PolicyFile.hostKeys + PolicyFile.guestKeys + PolicyFile.filterKeys + PolicyFile.reservationKeys
        for key in keys { #expect(text.contains("`\(key)`"), "\(key)") }
        func values<Value: CaseIterable & RawRepresentable>(_: Value.Type) -> [String] where Value.RawValue == String {
            Value.allCases.map(\.rawValue)
        }
        var all = values(PolicyRules.Arbitration.self) + values(PolicyRules.PinnedMisfit.self)
        all += values(PolicyRules.Misfit.self) + values(PolicyRules.Freed.self) + values(PolicyRules.TaskPinned.self)
        all += values(PolicyRules.FlexibleOrder.self) + values(PolicyRules.HostVisibility.self)
        all += values(PolicyRules.Guests.self) + values(GuestRules.Priority.self)
        all += values(GuestRules.CounterChoice.self) + values(GuestRules.Handover.self)
        all += values(GuestRules.Availability.self) + values(GuestRules.Telling.self)
        all += values(GuestRules.Heeding.self) + values(GuestRules.GuestCounts.self)
        all += values(GuestRules.EventNames.self) + values(GuestRules.SocketEvents.self)
        all += values(GuestRules.Socket.self) + values(EventFilterRule.Action.self)
        all += values(EventFilterRule.Encoding.self)
        for value in Set(all).sorted() { #expect(text.contains("`\(value)`"), "\(value)") }
    }

    @Test("every example decodes")
    func examples() throws {
        let parts = try Self.text().components(separatedBy: "```yaml\n").dropFirst()
        #expect(parts.count >= 2)
        for part in parts {
            _ = try PolicyFile.decode(part.components(separatedBy: "\n```")[0], file: "example")
        }
    }

    @Test("the policies beside the scenarios decode, under the names of their files, and begin with what they model")
    func files() throws {
        let folder = Self.traces.appendingPathComponent("policies")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(!files.isEmpty)
        for file in files {
            let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
            let rules = try PolicyFile.decode(text, file: file)
            #expect(file == rules.name + ".yaml")
            #expect(text.hasPrefix("# ") && !rules.models.isEmpty && !rules.arguedBy.isEmpty)
        }
    }
}
