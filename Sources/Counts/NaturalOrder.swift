/// Names in the order a reader expects: runs of digits by value, everything else by byte.
public enum NaturalOrder {
    /// A strict total order over different strings: equal-valued digit runs (`01`, `1`) fall back to the bytes.
    public static func less(_ a: String, _ b: String) -> Bool {
        let x = Array(a.utf8)
        let y = Array(b.utf8)
        var i = 0
        var j = 0
        while i < x.count, j < y.count {
            if isDigit(x[i]), isDigit(y[j]) {
                let (xStart, xEnd) = digits(x, from: i)
                let (yStart, yEnd) = digits(y, from: j)
                if xEnd - xStart != yEnd - yStart { return xEnd - xStart < yEnd - yStart }
                for (p, q) in zip(x[xStart..<xEnd], y[yStart..<yEnd]) where p != q { return p < q }
                i = xEnd
                j = yEnd
            } else {
                if x[i] != y[j] { return x[i] < y[j] }
                i += 1
                j += 1
            }
        }
        if i < x.count || j < y.count { return j < y.count }
        return x.lexicographicallyPrecedes(y)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    /// The digits from `index` on, without leading zeros.
    private static func digits(_ bytes: [UInt8], from index: Int) -> (start: Int, end: Int) {
        var end = index
        while end < bytes.count, isDigit(bytes[end]) { end += 1 }
        var start = index
        while start < end - 1, bytes[start] == 0x30 { start += 1 }
        return (start, end)
    }
}
