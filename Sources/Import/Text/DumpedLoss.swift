import Trace

/// Lines in which vpmu dump tells of lost records.
enum DumpedLoss {
    /// `# lost 12 records of any tracepoint on pCPU 2 between 1.000000000 and 2.000000000`, as vpmu dump prints it.
    static func take(_ text: UnsafeRawBufferPointer, into collector: ImportCollector) -> Bool {
        var cursor = TextCursor(text, at: 7)
        let count = cursor.decimal()
        guard count != nil || cursor.skip("some"), cursor.skip(" records of ") else { return false }
        let kind = EventKind.allCases.first { kind in
            text.slice(cursor.position..<text.count).starts(with: Array((kind.qualifiedName + " ").utf8))
        }
        guard cursor.skip(past: " on pCPU "), let pcpu = cursor.decimal(), pcpu <= UInt64(UInt16.max),
            cursor.skip(" between "), let earliest = Self.seconds(&cursor), cursor.skip(" and "),
            let latest = Self.seconds(&cursor)
        else { return false }
        collector.takeLost(
            LostRecords(pcpu: UInt16(pcpu), kind: kind, count: count, earliest: earliest, latest: latest))
        return true
    }

    /// Seconds with nine decimals, in ns.
    private static func seconds(_ cursor: inout TextCursor) -> UInt64? {
        guard let whole = cursor.decimal(), cursor.skip("."), let fraction = cursor.decimal(), fraction < 1_000_000_000
        else { return nil }
        let (product, overflow) = whole.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, again) = product.addingReportingOverflow(fraction)
        return overflow || again ? nil : sum
    }
}
