import Testing

@testable import Policy

@Suite("A flat array is a value")
struct FlatArrayTests {
    @Test("a copy does not see what happens to the original, nor the other way round")
    func copies() {
        var a = FlatArray([[1], [2], [3]])
        var b = a
        a[1].append(20)
        b.append([4])
        b[0] = []
        #expect(Array(a) == [[1], [2, 20], [3]])
        #expect(Array(b) == [[], [2], [3], [4]])
    }

    @Test("it grows as it must and gives its elements back")
    func grows() {
        final class Counted {
            nonisolated(unsafe) static var living = 0
            init() { Counted.living += 1 }
            deinit { Counted.living -= 1 }
        }
        do {
            var list = FlatArray<Counted>()
            for _ in 0..<100 { list.append(Counted()) }
            let other = list
            list.append(Counted())
            #expect(list.count == 101 && other.count == 100 && Counted.living == 101)
        }
        #expect(Counted.living == 0)
    }
}
