import Policy
import Testing

@Suite("Sets of pCPUs")
struct PCPUSetTests {
    @Test(
        "a list is read as the kernel writes it, and equal sets are equal",
        arguments: [
            ("0-2,5", [0...2, 5...5]), ("5,0-2", [0...2, 5...5]), ("0-3,4", [0...4]), ("0-3,2-6", [0...6]),
            ("1,1,1", [1...1]), ("0-9,3", [0...9]),
        ] as [(String, [ClosedRange<Int>])])
    func reads(text: String, ranges: [ClosedRange<Int>]) {
        #expect(PCPUSet(list: text) == .some(ranges))
    }

    @Test("text that is no list is none", arguments: ["", "2-1", "-1", "1-2-3", "x", "0,", "65536"])
    func refuses(text: String) {
        #expect(PCPUSet(list: text) == nil)
    }

    @Test("a list that names a range again and again is held as one")
    func repeated() {
        let text = [String](repeating: "0-65535", count: 100_000).joined(separator: ",")
        #expect(PCPUSet(list: text) == .some([0...65535]))
    }
}
