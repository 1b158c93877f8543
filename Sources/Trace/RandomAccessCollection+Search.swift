extension RandomAccessCollection {
    /// The first place whose element `belongs` to the second part of a collection that is parted in two, by halving.
    func partitioningIndex(where belongs: (Element) -> Bool) -> Index {
        var (low, left) = (startIndex, count)
        while left > 0 {
            let half = left / 2
            let middle = index(low, offsetBy: half)
            if belongs(self[middle]) {
                left = half
            } else {
                low = index(after: middle)
                left -= half + 1
            }
        }
        return low
    }
}
