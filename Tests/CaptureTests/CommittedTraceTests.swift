import Foundation
import Testing
import Trace

@Suite("The committed recording of a real guest")
struct CommittedTraceTests {
    private static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Traces/real-guest.vpt").path

    @Test("it is whole, nothing is lost, and it holds what the program of its two vCPUs says")
    func holdsItsProgram() throws {
        let reader = try TraceReader(path: Self.path)
        #expect(reader.isComplete && reader.damage.isEmpty && reader.lost.isEmpty)
        let accesses = try reader.events().filter { $0.kind == .kvmMSR }
        // Two vCPUs, three probes and twenty slices of nine writes and three reads.
        #expect(accesses.count == 2 * (3 + 20 * 12))
        #expect(Set(accesses.map(\.pid)).count == 2)
        #expect(accesses.filter { $0.register == 0xc001_0000 && $0.isWrite }.count == 2 * 20 * 2)
        #expect(reader.metadata.threads.compactMap(\.vcpu).sorted() == [0, 1])
    }

    @Test("it names neither its host nor programs that ran there")
    func identifiesNothing() throws {
        let reader = try TraceReader(path: Self.path)
        #expect(reader.metadata.hostName == nil)
        #expect(reader.comms.allSatisfy { $0.hasPrefix("thread") || $0.hasPrefix("vcpu") || $0.hasPrefix("swapper") })
    }
}
