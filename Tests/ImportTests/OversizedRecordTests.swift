import Testing
import Trace

@testable import Import

/// perf 6.16 and later give a compressed record of 64 KiB or more a length that does not fit
/// (`PerfDataReader+Oversized`).
@Suite("compressed records whose length overflowed")
struct OversizedRecordTests {
    private static let full = 65_519
    private static let samples = 18_000

    /// Values that do not compress.
    private static func recording() -> PerfDataBuilder {
        var random: UInt64 = 88_172_645_463_325_252
        var perf = PerfDataBuilder()
        for index in 0..<UInt64(samples) {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            perf.sample(Tracepoints.kvmMSR(0x186, random, fault: false), time: 1000 + index, cpu: UInt32(index % 2))
        }
        return perf
    }

    enum Shape: CaseIterable { case oneRecord, twoRecords, threeRecords }

    /// The stream, its first flush written as perf writes it, the rest in records of their own.
    private static func data(_ shape: Shape, of perf: PerfDataBuilder) throws -> [UInt8] {
        let stream = zstdPieces([perf.records.flatMap { $0 }])[0]
        try #require(stream.count > 3 * full)
        let sizes: [Int] =
            switch shape {
            case .oneRecord: [full]
            case .twoRecords: [full, 1_003]
            case .threeRecords: [full, full, 40_001]
            }
        var flush: [UInt8] = []
        var at = 0
        for (number, size) in sizes.enumerated() {
            if number > 0 {
                // What perf leaves of data_size in a later record is whatever was in its buffer.
                flush += bytes(UInt32(83)) + bytes(UInt16(0), UInt16(size + 16)) + bytes(UInt64(0xdead_beef_dead_beef))
            }
            flush += stream[at..<at + size]
            at += size
        }
        let claimed = UInt16(truncatingIfNeeded: (flush.count + 16 + 7) & ~7)
        var data = bytes(UInt32(83)) + bytes(UInt16(0), claimed) + bytes(UInt64(flush.count)) + flush
        while at < stream.count {
            let next = min(stream.count, at + 30_000)
            var body = bytes(UInt64(next - at)) + stream[at..<next]
            while body.count % 8 != 0 { body.append(0) }
            data += PerfDataBuilder.record(83, body)
            at = next
        }
        return data
    }

    @Test("it is read whole, and what follows it", arguments: Shape.allCases)
    func whole(_ shape: Shape) throws {
        let perf = Self.recording()
        let data = try Self.data(shape, of: perf)
        let found = try Imported(perf.pipe(data: data))
        #expect(found.summary.taken(.kvmMSR) == UInt64(Self.samples))
        #expect(found.summary.damage == [])
        #expect(found.byTime.map(\.time) == (0..<UInt64(Self.samples)).map { 1000 + $0 })
    }

    @Test("one that is cut off keeps what precedes the cut, and says so")
    func cut() throws {
        let perf = Self.recording()
        let data = try Self.data(.threeRecords, of: perf)
        let found = try Imported(perf.pipe(data: Array(data[..<100_000])))
        #expect(found.summary.damage.count == 1)
        #expect(found.summary.taken(.kvmMSR) > 0)
        #expect(found.summary.taken(.kvmMSR) < UInt64(Self.samples))
    }

    @Test("a length that is wrong for another reason stays damage")
    func wrong() throws {
        let perf = Self.recording()
        var data = try Self.data(.oneRecord, of: perf)
        data[6] = 8
        let error = #expect(throws: ImportError.self) { try Imported(perf.pipe(data: data)) }
        #expect(error?.description.contains("a compressed record claims more data than it has") == true)
    }
}
