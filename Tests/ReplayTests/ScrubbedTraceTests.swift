import Counts
import Foundation
import Policy
import PolicyFile
import Testing
import Timeline
import Trace

@testable import Replay

@Suite("Scrubbed traces")
struct ScrubbedTraceTests {
    @Test("every preset's verdict on a scrubbed trace is that on the original", arguments: Files.names)
    func verdicts(name: String) throws {
        let copy = NSTemporaryDirectory() + "vpmu-scrubbed-\(UUID().uuidString).vpt"
        defer { try? FileManager.default.removeItem(atPath: copy) }
        _ = try TraceScrub(from: Files.traces.appendingPathComponent("\(name).vpt").path, to: copy)
        let original = try Timeline(Files.trace(name))
        let scrubbed = try Timeline(TraceReader(path: copy))
        let presets = try PolicyCatalogue.all()
        let before = Replayer.replay(original, under: presets, threads: 2)
        let after = Replayer.replay(scrubbed, under: presets, threads: 2)
        for (before, after) in zip(before, after) {
            #expect(verdict(before) == verdict(after), "\(before.policy)")
        }
        #expect(before.contains { !$0.series.isEmpty })
    }

    /// Everything that is told of each series but whose it is: that has another name now.
    private func verdict(_ table: CountsTable) -> [String] {
        table.series.map { series in
            let place = "\(series.key.pcpu ?? -1) \(series.key.counter ?? "") \(series.key.event) \(series.reading)"
            let times = [series.enabledNs, series.runningNs, series.silentNs, series.blindNs, series.crossMappedNs]
            return "\(place) \(times)"
        }.sorted()
    }
}
