import Testing
import Trace

@testable import Import

@Suite("ring buffer pages")
struct KbufferPageTests {
    private enum Way: CaseIterable {
        /// `next()` alone.
        case plain
        /// `nextOrdinary()` as long as it has something.
        case fast
    }

    /// Times and first words of the records of a page, which are the same either way.
    private func records(_ page: RingPage) -> (times: [UInt64], firsts: [UInt32], damage: String?) {
        let (plain, fast) = (records(page, .plain), records(page, .fast))
        #expect(plain.times == fast.times)
        #expect(plain.firsts == fast.firsts)
        #expect(plain.damage == fast.damage)
        return plain
    }

    private func records(_ page: RingPage, _ way: Way) -> (times: [UInt64], firsts: [UInt32], damage: String?) {
        var times: [UInt64] = []
        var firsts: [UInt32] = []
        var damage: String?
        page.bytes().withUnsafeBytes { raw in
            var reader = KbufferPage(raw, layout: .standard)!
            while true {
                if way == .fast, let bytes = reader.nextOrdinary() {
                    times.append(reader.time)
                    firsts.append(bytes.value(0))
                    continue
                }
                switch reader.next() {
                case .record(let bytes, let time):
                    times.append(time)
                    firsts.append(bytes.value(0))
                case .damaged(_, let reason):
                    damage = reason
                    return
                case .end: return
                }
            }
        }
        return (times, firsts, damage)
    }

    @Test("a record's time is the page's plus all differences so far")
    func deltas() {
        var page = RingPage(time: 1000)
        page.add(bytes(UInt32(1), 0))
        page.add(bytes(UInt32(2), 0), after: 5)
        page.addLong(bytes(UInt32(3), 0), after: 7)
        let found = records(page)
        #expect(found.times == [1000, 1005, 1012])
        #expect(found.firsts == [1, 2, 3])
    }

    @Test("a time extension adds its upper bits")
    func extend() {
        var page = RingPage(time: 10)
        page.extend(by: (5 << 27) + 3)
        page.add(bytes(UInt32(1), 0), after: 4)
        let expected: UInt64 = 10 + (5 << 27) + 3 + 4
        #expect(records(page).times == [expected])
    }

    @Test("an absolute time replaces all but the upper five bits")
    func absolute() {
        var page = RingPage(time: 3 << 59 | 77)
        page.stamp(123_456_789_012)
        page.add(bytes(UInt32(1), 0), after: 1)
        let expected: UInt64 = (3 << 59) + 123_456_789_013
        #expect(records(page).times == [expected])
    }

    @Test("a discarded record is passed over with its time; padding ends the page")
    func padding() {
        var page = RingPage(time: 0)
        page.discard(12, after: 6)
        page.add(bytes(UInt32(1), 0), after: 1)
        page.fill()
        page.add(bytes(UInt32(2), 0))
        let found = records(page)
        #expect(found.times == [7])
        #expect(found.damage == nil)
    }

    @Test("lost records before a page are counted where the count is stored")
    func missed() {
        var page = RingPage(time: 0, missed: 17)
        page.add(bytes(UInt32(1), 0))
        page.bytes().withUnsafeBytes { #expect(KbufferPage($0, layout: .standard)?.missed == .count(17)) }
        page.storesMissed = false
        page.bytes().withUnsafeBytes { #expect(KbufferPage($0, layout: .standard)?.missed == .some) }
        page.missed = nil
        page.bytes().withUnsafeBytes { #expect(KbufferPage($0, layout: .standard)?.missed == KbufferPage.Missed.none) }
    }

    @Test("a record beyond the page's data is damage, not a read", arguments: [28, 0, 30, 31, 29] as [UInt32])
    func beyond(_ type: UInt32) {
        var page = RingPage(time: 0)
        page.add(bytes(UInt32(1), 0))
        page.word(type, 9)
        let found = records(page)
        #expect(found.firsts == [1])
        #expect(found.damage != nil)
    }

    @Test("a page that claims more data than it has room for is none")
    func overfull() {
        var page = RingPage(time: 0).bytes()
        page[9] = 0xff
        page.withUnsafeBytes { #expect(KbufferPage($0, layout: .standard) == nil) }
    }

    @Test("the layout comes from header_page, also of a 32-bit kernel")
    func layout() {
        let text =
            "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n\tfield: local_t commit;\toffset:8;\tsize:4;\tsigned:1;\n"
            + "\tfield: char data;\toffset:12;\tsize:4084;\tsigned:0;\n"
        #expect(PageLayout(headerPage: text) == PageLayout(commitOffset: 8, commitSize: 4, dataOffset: 12))
        #expect(PageLayout(headerPage: "nonsense") == nil)
    }
}
