extension TraceReader {
    /// What a file lacks whose writer never finished it: on each pCPU everything behind its last block, up to the last
    /// event of any other. Empty for a whole file.
    ///
    /// A pCPU that the metadata names and that has no block at all may have had one that was never written.
    public var missingAtEnd: [LostRecords] {
        guard !isComplete, let range = timeRange else { return [] }
        var last: [UInt16: UInt64] = [:]
        for place in metadata.topology {
            if let pcpu = UInt16(exactly: place.id) { last[pcpu] = range.lowerBound }
        }
        for block in blocks { last[block.pcpu] = max(last[block.pcpu] ?? 0, block.last) }
        return last.filter { $0.value < range.upperBound }.sorted { $0.key < $1.key }.map { pcpu, time in
            LostRecords(pcpu: pcpu, kind: nil, count: nil, earliest: time, latest: range.upperBound)
        }
    }
}
