extension Counter {
    /// The counters of a mask in words: `gp0-3`, `gp1, fixed0`, `none`; 48 and above are topdown metrics.
    public static func list(_ mask: UInt64) -> String {
        let kinds: [(name: String, first: Int, last: Int)] = [("gp", 0, 31), ("fixed", 32, 47), ("metric", 48, 63)]
        var parts: [String] = []
        for kind in kinds {
            var index = kind.first
            while index <= kind.last {
                guard mask >> UInt64(index) & 1 != 0 else {
                    index += 1
                    continue
                }
                let start = index
                while index < kind.last, mask >> UInt64(index + 1) & 1 != 0 { index += 1 }
                let range = start == index ? "\(start - kind.first)" : "\(start - kind.first)-\(index - kind.first)"
                parts.append(kind.name + range)
                index += 1
            }
        }
        return parts.isEmpty ? "none" : parts.joined(separator: ", ")
    }
}
