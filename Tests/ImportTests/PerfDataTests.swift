import Testing
import Trace

@testable import Import

@Suite("perf.data")
struct PerfDataTests {
    static func recording() -> PerfDataBuilder {
        var perf = PerfDataBuilder()
        perf.comm("CPU 1/KVM", pid: 5, tid: 7)
        for index in 0..<200 as Range<UInt64> {
            perf.sample(
                Tracepoints.kvmMSR(0x186, index, fault: index % 2 == 0), time: 1000 + 10 * index, cpu: UInt32(index % 2)
            )
            perf.sample(Tracepoints.kvmPIO(), time: 1001 + 10 * index, cpu: UInt32(index % 2))
        }
        perf.sample(Tracepoints.writeMSR(0x38f, 0xf, flags: 0x41), time: 5000, cpu: 1)
        perf.sample(Tracepoints.schedSwitch("CPU 1/KVM", 7, "swapper/1", 0), time: 5001, cpu: 1)
        return perf
    }

    enum Form: String, CaseIterable {
        case file, fileCompressed, fileCompressed2, pipe, pipeCompressed, pipeCompressed2, packed

        func bytes(_ perf: PerfDataBuilder) -> [UInt8] {
            switch self {
            case .file: perf.file()
            case .fileCompressed: perf.file(compressed: 81)
            case .fileCompressed2: perf.file(compressed: 83)
            case .pipe: perf.pipe()
            case .pipeCompressed: perf.pipe(compressed: 81)
            case .pipeCompressed2: perf.pipe(compressed: 83)
            case .packed: zstd(perf.file())
            }
        }
    }

    @Test("every container form gives the same records", arguments: Form.allCases)
    func forms(_ form: Form) throws {
        let found = try Imported(form.bytes(Self.recording()))
        #expect(found.summary.taken(.kvmMSR) == 200)
        #expect(found.events.filter(\.raisedException).count == 100)
        #expect(found.summary.others == [.init(name: "kvm:kvm_pio", records: 200)])
        #expect(found.summary.damage == [])
        let write = try #require(found.events.first { $0.kind == .writeMSR })
        #expect(write == .host(.writeMSR, time: 5000, pcpu: 1, pid: 7, flags: 0x41, register: 0x38f, value: 0xf))
        let change = try #require(found.events.first { $0.kind == .schedSwitch })
        #expect(found.comm(change.prevComm) == "CPU 1/KVM")
        #expect(found.comm(change.nextComm) == "swapper/1")
        #expect(change.nextPID == 0)
    }

    @Test("host, kernel, processor, topology and threads are taken over", arguments: [Form.file, .pipe])
    func metadata(_ form: Form) throws {
        let metadata = try Imported(form.bytes(Self.recording())).metadata
        #expect(metadata.hostName == "host")
        #expect(metadata.kernel == "6.18.44")
        #expect(metadata.tool == "perf 6.1.187")
        #expect(metadata.processor == .init(vendor: "GenuineIntel", family: 6, model: 85, stepping: 4))
        #expect(metadata.topology == [.init(id: 0, socket: 0, core: 0), .init(id: 1, socket: 0, core: 1)])
        #expect(metadata.threads == [.init(tid: 7, pid: 5, comm: "CPU 1/KVM", vcpu: 1)])
        #expect(metadata.formats["kvm:kvm_msr"]?.hasPrefix("name: kvm_msr") == true)
        #expect(metadata.clock == "perf")
    }

    @Test("records that perf wrote out of order come sorted for each CPU")
    func order() throws {
        var perf = PerfDataBuilder()
        for time in [300, 100, 200, 50, 400] as [UInt64] {
            perf.sample(Tracepoints.kvmMSR(0x186, time), time: time, cpu: 1)
            perf.sample(Tracepoints.kvmMSR(0x187, time), time: time, cpu: 0)
        }
        let found = try Imported(perf.file())
        for pcpu in [0, 1] as [UInt16] {
            #expect(found.events.filter { $0.pcpu == pcpu }.map(\.time) == [50, 100, 200, 300, 400])
        }
    }

    @Test("a record later than the sorting window keeps its place by the window's time, and that is said")
    func window() throws {
        var perf = PerfDataBuilder()
        for time in [100, 200, 300, 400, 10] as [UInt64] {
            perf.sample(Tracepoints.kvmMSR(0x186, time), time: time)
        }
        let found = try Imported(perf.file(), options: ImportOptions(reorderCapacity: 4))
        #expect(found.events.map(\.time) == [100, 200, 200, 300, 400])
        #expect(found.summary.notes.contains { $0.hasPrefix("1 records came later than the sorting window") })
    }

    @Test("losses of PERF_RECORD_LOST carry their CPU and interval, and the totals at the end are not counted twice")
    func losses() throws {
        var perf = PerfDataBuilder()
        perf.idIndex()
        perf.sample(Tracepoints.kvmMSR(), time: 100, cpu: 1)
        perf.lost(30, time: 500, cpu: 1)
        perf.sample(Tracepoints.kvmMSR(), time: 510, cpu: 1)
        // Ids 2 and 4 count on CPU 1: 25 and 15, ten of them after the ring's last word.
        perf.lostSamples(25, id: 2)
        perf.lostSamples(15, id: 4)
        let found = try Imported(perf.file())
        #expect(found.summary.lost == 40)
        #expect(
            found.trace.lost == [
                LostRecords(pcpu: 1, kind: nil, count: 30, earliest: 100, latest: 500),
                LostRecords(pcpu: 1, kind: nil, count: 10, earliest: 500, latest: 510),
            ])
        #expect(found.summary.notes == ["lost by event: kvm:kvm_msr 25, msr:write_msr 15"])
    }

    @Test("samples that perf's own filter dropped are no loss")
    func filteredByPerf() throws {
        var perf = PerfDataBuilder()
        perf.sample(Tracepoints.kvmMSR(), time: 100)
        perf.lostSamples(25, id: 1, misc: 1 << 15)
        #expect(try Imported(perf.file()).summary.lost == 0)
    }

    @Test("a tracepoint that was sampled and not traced is a blind spot")
    func sampled() throws {
        var perf = PerfDataBuilder()
        perf.events[0].period = 100
        perf.sample(Tracepoints.kvmMSR(), time: 100)
        let spots = try Imported(perf.file()).metadata.blindSpots
        #expect(spots.contains { $0.hasPrefix("kvm:kvm_msr was sampled") })
    }

    @Test("--pmu-only leaves out other registers and counts them")
    func pmuOnly() throws {
        var perf = PerfDataBuilder()
        perf.sample(Tracepoints.kvmMSR(0x186), time: 1)
        perf.sample(Tracepoints.kvmMSR(0x6e0), time: 2)
        perf.sample(Tracepoints.writeMSR(0xc001_0200), time: 3)
        perf.sample(Tracepoints.writeMSR(0x830), time: 4)
        perf.sample(Tracepoints.schedSwitch("a", 1, "b", 2), time: 5)
        let found = try Imported(perf.file(), options: ImportOptions(selection: .pmuOnly))
        #expect(found.events.map(\.time) == [1, 3, 5])
        #expect(found.summary.filtered == 2)
        #expect(found.metadata.filters["kvm:kvm_msr"] != nil)
    }

    @Test("records without times are numbered in their order, and the clock says so")
    func withoutTimes() throws {
        var perf = PerfDataBuilder()
        perf.sampleType &= ~4
        for index in 0..<3 as Range<UInt64> { perf.sample(Tracepoints.kvmMSR(0x186, index), time: 0) }
        let found = try Imported(perf.file())
        #expect(found.events.map(\.value) == [0, 1, 2])
        #expect(found.metadata.clock == "order")
    }
}

@Suite("damaged perf.data")
struct DamagedPerfDataTests {
    @Test("a pipe cut inside a record keeps what precedes and names the place")
    func cutPipe() throws {
        let whole = PerfDataTests.recording().pipe()
        let found = try Imported(Array(whole.dropLast(20)))
        #expect(found.summary.taken(.kvmMSR) == 200)
        #expect(found.summary.taken(.schedSwitch) == 0)
        #expect(found.summary.damage.count == 1)
        #expect(found.summary.damage[0].reason.contains("is cut off after"))
        // The CPU that was written out last may lack what it did after its own last record.
        #expect(found.trace.lost.contains { $0.pcpu == 0 && $0.count == nil && $0.latest == 5000 })
    }

    @Test(
        "a file cut before its formats is read by the shape of its records, and says so",
        arguments: [nil, 81 as UInt32?])
    func cutFile(_ compressed: UInt32?) throws {
        var perf = PerfDataTests.recording()
        for index in 0..<400 as Range<UInt64> { perf.sample(Tracepoints.kvmMSR(0x187), time: 6000 + index) }
        let whole = perf.file(compressed: compressed)
        let found = try Imported(Array(whole.prefix(whole.count / 2)))
        #expect(found.summary.taken(.kvmMSR) > 100)
        #expect(found.summary.damage.count == 1)
        #expect(found.summary.notes.contains { $0.contains("99 as kvm:kvm_msr") })
        #expect(found.metadata.blindSpots.contains { $0.hasPrefix("Inferred:") })
    }

    @Test("a flipped bit in compressed data keeps the records before it")
    func flipped() throws {
        var whole = PerfDataTests.recording().file(compressed: 81)
        let good = try Imported(whole).summary.takenTotal
        // The second byte of the last compressed block's contents.
        let records = try #require(whole.lastIndex(of: 81))
        whole[records + 40] ^= 0x55
        let found = try Imported(whole)
        #expect(found.summary.takenTotal > 0 && found.summary.takenTotal < good)
        #expect(found.summary.damage.count >= 1)
    }

    @Test("a record of an impossible size ends the reading at that byte")
    func impossibleSize() throws {
        var perf = PerfDataBuilder()
        perf.sample(Tracepoints.kvmMSR(), time: 1)
        perf.records.append(bytes(UInt32(9)) + bytes(UInt16(0), 4))
        perf.sample(Tracepoints.kvmMSR(), time: 2)
        let found = try Imported(perf.pipe())
        #expect(found.events.map(\.time) == [1])
        #expect(
            found.summary.damage.map(\.reason) == ["a record claims a size of 4 bytes; records up to here are kept"])
    }

    @Test("a sample whose raw data belong to another tracepoint is passed over and named")
    func foreignRaw() throws {
        var perf = PerfDataBuilder()
        perf.sample(Tracepoints.kvmMSR(), time: 1)
        perf.sample(Tracepoints.kvmMSR(), time: 2)
        perf.records[0][perf.records[0].count - 36] = 98
        let found = try Imported(perf.file())
        #expect(found.events.map(\.time) == [2])
        #expect(found.summary.damage.map(\.reason) == ["a sample of kvm:kvm_msr holds a record of tracepoint 98"])
        #expect(found.summary.lostUncounted == 1)
    }

    @Test("a header that is cut or lies is refused with its place", arguments: [8, 60, 103])
    func header(_ count: Int) {
        let whole = PerfDataTests.recording().file()
        #expect(throws: ImportError.self) { try Imported(Array(whole.prefix(count))) }
    }

    @Test("a file that perf never finished is read to its end")
    func unfinished() throws {
        var whole = PerfDataTests.recording().file()
        for index in 0..<8 { whole[48 + index] = 0 }
        let found = try Imported(whole)
        #expect(found.summary.taken(.kvmMSR) == 200)
        #expect(found.summary.damage.contains { $0.reason.contains("never finished") })
    }

    @Test("big-endian and first-version files are refused with a reason", arguments: ["2ELIFREP", "PERFFILE"])
    func otherMagic(_ magic: String) {
        let bytes = Array(magic.utf8) + [UInt8](repeating: 0, count: 200)
        #expect {
            try Imported(bytes)
        } throws: { error in
            if case ImportError.unsupported = error { true } else { false }
        }
    }
}
