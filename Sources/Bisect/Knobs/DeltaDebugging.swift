/// Takes away from a list what can be spared (Zeller and Hildebrandt's ddmin): the result still passes `keeps`, and it
/// is 1-minimal, no single item can be taken away from it.
///
/// Items keep their order. `keeps` is asked again only about lists it was not asked about before in this run, except
/// for those of more than `remembered` items.
public enum DeltaDebugging {
    /// - Parameters:
    ///   - count: length of a list that passes `keeps`, whose items are told by their indexes.
    ///   - keeps: whether a shorter list still shows what is looked for; an unresolved one does not.
    /// - Returns: the indexes of a 1-minimal list; none if the empty list passes.
    /// - Throws: what `keeps` throws.
    public static func indexes(_ count: Int, keeps: (ArraySlice<Int>) throws -> Bool) rethrows -> [Int] {
        var left = Array(0..<count)
        if try count > 0 && keeps([]) { return [] }
        var parts = 2
        while left.count > 1 {
            var reduced = false
            let chunks = (0..<parts).map { left[left.count * $0 / parts..<left.count * ($0 + 1) / parts] }
            if parts > 2 || left.count > 2 {
                for chunk in chunks where chunk.count < left.count {
                    if try keeps(chunk) {
                        left = Array(chunk)
                        parts = 2
                        reduced = true
                        break
                    }
                }
            }
            if !reduced {
                // Complements, the last first: what comes late is more often spared.
                for chunk in chunks.reversed() {
                    let rest = left[..<chunk.startIndex] + left[chunk.endIndex...]
                    if try keeps(ArraySlice(rest)) {
                        left = Array(rest)
                        parts = max(parts - 1, 2)
                        reduced = true
                        break
                    }
                }
            }
            if !reduced {
                if parts >= left.count { break }
                parts = min(left.count, parts * 2)
            }
        }
        return left
    }
}
