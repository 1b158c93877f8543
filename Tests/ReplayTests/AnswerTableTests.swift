import Testing

@testable import Replay

/// The plain way is a dictionary.
@Suite("What is remembered is found again")
struct AnswerTableTests {
    private struct Key: Hashable {
        var cell: Int32
        var number: Int32
    }

    private struct Generator {
        var state: UInt64 = 0x2545_f491_4f6c_dd1d

        mutating func below(_ bound: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return (state >> 11) % bound
        }
    }

    @Test("answers as in a dictionary, whichever was asked for before, however many there are")
    func answers() {
        var random = Generator()
        var table = AnswerTable()
        var plain: [Key: Int32] = [:]
        var found = 0
        var last: UnsafeMutablePointer<Answer>?
        for step in 0..<60_000 {
            let key = Key(cell: Int32(random.below(900)), number: Int32(random.below(40) * 5))
            if random.below(3) == 0 {
                plain[key] = Int32(step)
                table.insert(Answer(cell: key.cell, number: key.number, next: Int32(step)))
                // It may have moved.
                last = nil
                continue
            }
            let answer = table.answer(key.cell, key.number, after: last)
            #expect(answer?.pointee.next == plain[key])
            #expect(table.answer(key.cell, key.number) == answer)
            if let answer {
                found += 1
                last = answer
            }
        }
        #expect(table.count == plain.count && table.count > 10_000 && found > 1_000)
    }

    @Test("the series of an event that came in, or none, never that of another event, counter or vCPU")
    func incomers() {
        var random = Generator()
        let cache = IncomerCache(vcpus: 3)
        defer { cache.deallocate() }
        var found = 0
        func series(_ vcpu: Int, _ slot: Int, _ event: UInt64) -> Int32 {
            Int32(vcpu) << 24 | Int32(slot) << 16 | Int32(event)
        }
        for _ in 0..<20_000 {
            let (vcpu, slot) = (Int(random.below(3)), Int(random.below(UInt64(EventBindings.slots))))
            let event = random.below(12)
            let known = cache.series(vcpu, slot, event)
            #expect(known == -1 || known == series(vcpu, slot, event))
            if known >= 0 { found += 1 } else { cache.keep(series(vcpu, slot, event), vcpu, slot, event) }
        }
        #expect(found > 1_000)
        // The one that came in last stays.
        cache.keep(1, 0, 0, 100)
        #expect(cache.series(0, 0, 100) == 1)
    }
}
