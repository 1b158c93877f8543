import Testing
import Trace

@testable import Import

/// A short run of what `Tools/fuzz` does for long: every kind of input with bytes changed, removed and repeated, always
/// the same ones.
@Suite("mutated inputs")
struct MutationTests {
    /// A linear congruential generator (Knuth's MMIX constants): the same numbers everywhere.
    struct Generator {
        var state: UInt64

        mutating func next(below limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(max(1, limit)))
        }

        /// Values that lengths, counts and offsets go wrong with.
        private static let words: [UInt64] = [
            0, 1, 7, 8, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 33, .max >> 1, .max - 7, .max,
        ]

        mutating func mutate(_ input: [UInt8]) -> [UInt8] {
            var bytes = input
            for _ in 0...next(below: 4) where !bytes.isEmpty {
                let at = next(below: bytes.count)
                switch next(below: 7) {
                case 0: bytes[at] ^= 1 << UInt8(next(below: 8))
                case 1: bytes[at] = UInt8(next(below: 256))
                case 2: bytes.removeSubrange(at..<min(bytes.count, at + 1 + next(below: 64)))
                case 3:
                    bytes.insert(
                        contentsOf: bytes[at..<min(bytes.count, at + 1 + next(below: 64))], at: next(below: bytes.count)
                    )
                case 4: bytes.removeLast(next(below: bytes.count))
                default:
                    let word = Self.words[next(below: Self.words.count)]
                    let width = [1, 2, 4, 8][next(below: 4)]
                    for place in 0..<width where at + place < bytes.count {
                        bytes[at + place] = UInt8(truncatingIfNeeded: word >> UInt64(8 * place))
                    }
                }
            }
            return bytes
        }
    }

    enum Kind: String, CaseIterable {
        case perfFile, perfCompressed, perfPipe, perfPipeCompressed2, traceDat6, traceDat7, traceDat7Compressed, text,
            json, packed

        var sample: [UInt8] {
            var perf = PerfDataBuilder()
            perf.idIndex()
            perf.comm("CPU 1/KVM", pid: 5, tid: 7)
            for index in 0..<12 as Range<UInt64> {
                perf.sample(Tracepoints.kvmMSR(0x186, index), time: 1000 + 10 * index, cpu: UInt32(index % 2))
            }
            perf.sample(Tracepoints.schedSwitch("a", 1, "b", 2), time: 2000)
            perf.lost(3, time: 2100, cpu: 1)
            perf.lostSamples(9, id: 2)
            var dat = TraceDatBuilder(buffers: [
                .init(cpus: [
                    TraceDatTests.pages(2, from: 1000, perPage: 4, missedBefore: [1: 17]),
                    TraceDatTests.pages(1, from: 5),
                ]),
                .init(name: "mine", cpus: [TraceDatTests.pages(1, from: 1002, perPage: 2), []]),
            ])
            dat.statistics = ["CPU: 0\nentries: 60\noverrun: 20\n"]
            switch self {
            case .perfFile: return perf.file()
            case .perfCompressed: return perf.file(compressed: 81)
            case .perfPipe: return perf.pipe()
            case .perfPipeCompressed2: return perf.pipe(compressed: 83)
            case .traceDat6: return dat.version6()
            case .traceDat7: return dat.version7(compressed: false)
            case .traceDat7Compressed: return dat.version7(compressed: true)
            case .packed: return zstd(perf.file())
            case .text:
                return Array(
                    (TextRowTests.cases.map(\.line) + [
                        "CPU:1 [LOST 12 EVENTS]",
                        "# lost 12 records of any tracepoint on pCPU 2 between 1.000000000 and 2.000000000",
                        "a-5 [001] ..... 1.0: kvm_msr: msr_read 1a6 = 0x0 (#GP)",
                        "a-5 [001] d.... 1.0: kvm_entry: vcpu 1, rip 0x10",
                        "a-5 [001] d.... 1.0: kvm_exit: vcpu 0 reason MSR_WRITE rip 0x10 info1 0x1 info2 0x2",
                        "a-5 [001] d.... 1.0: write_msr:", "MSR_CORE_PERF_GLOBAL_CTRL(38f), value 0",
                        "a-5 [001] d.... 1.0: sched_switch: kworker/1:2:449 [120] W ==> swapper/1:0 [120]",
                        "a-5 [001] d.... 1.0: sched_switch: prev_comm=a prev_pid=2 prev_prio=1 prev_state=R+ ==> next_comm=b next_pid=0 next_prio=2",
                    ]).joined(separator: "\n").utf8)
            case .json:
                return Array(
                    """
                    {"event":"metadata","metadata":{"source":"x"}}
                    {"t":1,"pcpu":0,"event":"lost","tracepoint":null,"count":3,"earliest":1,"latest":2}
                    {"t":1,"pcpu":0,"pid":5,"event":"write_msr","flags":0,"register":911,"value":18446744073709551615,"failed":false}
                    {"t":2,"pcpu":1,"pid":-1,"event":"sched_switch","flags":1,"prevComm":"a\\u00e4\\"","prevPid":0,"prevPrio":120,"prevState":0,"nextComm":null,"nextPid":2,"nextPrio":-1}

                    """.utf8)
            }
        }
    }

    @Test("no mutation crashes, hangs or makes records out of nothing", arguments: Kind.allCases)
    func mutations(_ kind: Kind) throws {
        let sample = kind.sample
        let whole = try Imported(sample)
        #expect(whole.summary.takenTotal > 0)
        var generator = Generator(state: UInt64(kind.rawValue.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) }))
        for _ in 0..<250 {
            let input = generator.mutate(sample)
            do {
                let found = try Imported(input)
                #expect(found.summary.takenTotal == UInt64(found.events.count))
                // A record takes some twenty bytes even as text; compressed bytes can stand for more.
                #expect(found.events.count <= input.count)
            } catch is ImportError {
                continue
            }
        }
    }

    @Test("every prefix of an input is read without harm", arguments: Kind.allCases)
    func prefixes(_ kind: Kind) throws {
        let sample = kind.sample
        var most: UInt64 = 0
        for length in stride(from: 0, to: sample.count, by: max(1, sample.count / 120)) {
            do {
                let found = try Imported(Array(sample.prefix(length)))
                most = max(most, found.summary.takenTotal)
            } catch is ImportError {
                continue
            }
        }
        #expect(most <= (try Imported(sample)).summary.takenTotal)
    }
}
