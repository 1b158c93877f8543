/// Numbers of strings of words, in flat memory that keeps them.
struct WordTable {
    private var arena: ContiguousArray<UInt64> = []
    private var entries: ContiguousArray<Entry>
    private var starts: ContiguousArray<Int> = []

    private struct Entry {
        var hash: UInt64 = 0
        var start = 0
        var length = 0
        /// -1 where there is none.
        var number: Int32 = -1
    }

    init() { entries = .init(repeating: Entry(), count: 1 << 10) }

    /// Strings in the table; the next one's number.
    var count: Int { starts.count }

    func number(of words: [UInt64]) -> Int32? {
        let number = entries[slot(of: words, WordTable.hash(words))].number
        return number >= 0 ? number : nil
    }

    /// Adds a string that is not there; answers its number.
    mutating func insert(_ words: [UInt64]) -> Int32 {
        if 2 * count > entries.count { grow() }
        let hash = WordTable.hash(words)
        let number = Int32(count)
        entries[slot(of: words, hash)] = Entry(hash: hash, start: arena.count, length: words.count, number: number)
        starts.append(arena.count)
        arena += words
        return number
    }

    func withWords<Result>(of number: Int32, _ body: (UnsafePointer<UInt64>) -> Result) -> Result {
        arena.withUnsafeBufferPointer { body($0.baseAddress! + starts[Int(number)]) }
    }

    private func slot(of words: [UInt64], _ hash: UInt64) -> Int {
        let mask = entries.count - 1
        var slot = Int(truncatingIfNeeded: hash >> 20) & mask
        while entries[slot].number >= 0 {
            if entries[slot].hash == hash, isSame(words, entries[slot]) { break }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private func isSame(_ words: [UInt64], _ entry: Entry) -> Bool {
        guard words.count == entry.length else { return false }
        for place in 0..<words.count where words[place] != arena[entry.start + place] { return false }
        return true
    }

    private static func hash(_ words: [UInt64]) -> UInt64 {
        var hash = UInt64(words.count)
        for word in words {
            hash = (hash ^ word) &* 0x9e37_79b9_7f4a_7c15
            hash ^= hash >> 29
        }
        return hash
    }

    private mutating func grow() {
        let old = entries
        entries = .init(repeating: Entry(), count: 2 * old.count)
        let mask = entries.count - 1
        for entry in old where entry.number >= 0 {
            var slot = Int(truncatingIfNeeded: entry.hash >> 20) & mask
            while entries[slot].number >= 0 { slot = (slot + 1) & mask }
            entries[slot] = entry
        }
    }
}
