import CZstd

@testable import Trace

/// A reader written after `Traces/FORMAT.md` and nothing else: plain, slow, without a line of the real one but its
/// event type.
///
/// It keeps the page honest and is what the fast decoder is compared with. It reads finished, undamaged files.
struct ReferenceReader {
    private let file: [UInt8]
    private(set) var codings: Set<String> = []
    private(set) var blocks: [[TraceEvent]] = []
    private(set) var comms: [String] = []

    struct Wrong: Error { var what: String }

    init(_ file: [UInt8]) throws {
        self.file = file
        var at = 0
        while at < file.count {
            guard number(at, 4) == 0x184D_2A5D, Array(file[at + 8..<at + 12]) == Array("VPMU".utf8) else {
                throw Wrong(what: "no frame at \(at)")
            }
            guard number(at + 16, 8) == at else { throw Wrong(what: "wrong own offset at \(at)") }
            let body = at + 48
            let payload = at + 8 + Int(number(at + 4, 4))
            let end = payload + Int(number(at + 32, 4))
            switch file[at + 12] {
            case 2: blocks.append(try block(body, payload))
            case 4:
                var names = Cursor(try decompress(payload..<end, Int(number(body, 4))))
                guard names.varint() == comms.count else { throw Wrong(what: "comms out of order") }
                for _ in 0..<number(body + 4, 4) {
                    comms.append(String(decoding: names.take(Int(names.varint())), as: UTF8.self))
                }
            default: break
            }
            at = end
        }
    }

    private func number(_ at: Int, _ bytes: Int) -> UInt64 {
        (0..<bytes).reduce(0) { $0 | UInt64(file[at + $1]) << UInt64(8 * $1) }
    }

    private func decompress(_ range: Range<Int>, _ size: Int) throws -> [UInt8] {
        var out = [UInt8](repeating: 0, count: size)
        let got = file.withUnsafeBytes { bytes in
            ZSTD_decompress(&out, size, bytes.baseAddress! + range.lowerBound, range.count)
        }
        guard got == size else { throw Wrong(what: "zstd") }
        return out
    }

    private struct Cursor {
        let bytes: [UInt8]
        var at = 0
        init(_ bytes: [UInt8]) { self.bytes = bytes }

        mutating func byte() -> UInt8 {
            defer { at += 1 }
            return bytes[at]
        }

        mutating func varint() -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while true {
                let next = byte()
                value |= UInt64(next & 127) << shift
                if next < 128 { return value }
                shift += 7
            }
        }

        mutating func take(_ count: Int) -> [UInt8] {
            defer { at += count }
            return Array(bytes[at..<at + count])
        }
    }

    private struct Entry {
        var stored: UInt8
        var event: TraceEvent
    }

    private mutating func block(_ body: Int, _ payload: Int) throws -> [TraceEvent] {
        let pcpu = UInt16(number(body, 2))
        let n = Int(number(body + 4, 4))
        var groups: [[UInt8]] = []
        var codings: [Int] = []
        var at = payload
        for g in 0..<6 {
            let group = body + 88 + 12 * g
            codings.append(Int(number(group, 4)))
            let (compressed, size) = (Int(number(group + 4, 4)), Int(number(group + 8, 4)))
            groups.append(size == 0 ? [] : try decompress(at..<at + compressed, size))
            at += compressed
        }
        self.codings.formUnion(["times \(codings[2])", "low \(codings[3])", "high \(codings[4])"])

        var directory = Cursor(groups[0])
        var entries: [Entry] = []
        for _ in 0..<directory.varint() {
            let stored = directory.byte()
            let kind = EventKind(rawValue: directory.byte())!
            let flags = directory.byte()
            let isa = directory.byte()
            let f = (0..<5).map { _ in directory.varint() }
            entries.append(
                Entry(
                    stored: stored,
                    event: TraceEvent(
                        time: 0, pcpu: pcpu, pid: 0, kind: kind, flags: flags, a: UInt32(f[0]), b: UInt32(f[1]),
                        value: f[2],
                        value2: f[3], value3: f[4], isa: isa)))
        }
        while entries.count < 256 {
            entries.append(Entry(stored: 0xFE, event: TraceEvent(time: 0, pcpu: pcpu, pid: 0, kind: .kvmMSR)))
        }
        let tokens = groups[1].map { Int($0) }
        let known = entries.firstIndex { $0.stored == 0xFE } ?? 255

        var pids: [Int32] = []
        for _ in 0..<directory.varint() {
            let pid = Int32(truncatingIfNeeded: directory.varint())
            pids += Array(repeating: pid, count: Int(directory.varint()))
        }

        var expected = [UInt64](repeating: 0, count: 256)
        if codings[2] > 0 {
            for t in 0..<known { expected[t] = directory.varint() }
            expected[255] = directory.varint()
        }
        let stored = codings[2] == 2 ? planes(groups[2], n, groups[2].count / n) : frames(groups[2], n, &directory)
        var time = number(body + 24, 8)
        var times: [UInt64] = []
        for i in 0..<n {
            if codings[2] == 0 {
                time = time &+ stored[i]
            } else {
                let off = stored[i]
                time = time &+ expected[tokens[i]] &+ ((off >> 1) ^ (off & 1 == 1 ? UInt64.max : 0))
            }
            times.append(time)
        }

        var counters = values(groups[3], groups[4], codings[3], codings[4], &directory)[...]
        var columns: [ArraySlice<UInt64>] = []
        var wide = 0
        for (column, (bit, width)) in [(6, 4), (1, 4), (2, 4), (3, 8), (4, 8), (5, 8)].enumerated() {
            _ = column
            let count = tokens.filter { entries[$0].stored >> UInt8(bit) & 1 == 1 }.count
            columns.append(planes(Array(groups[5][wide..<wide + count * width]), count, width)[...])
            wide += count * width
        }
        return (0..<n).map { i in
            let entry = entries[tokens[i]]
            var event = entry.event
            event.time = times[i]
            event.pid = pids[i]
            func has(_ bit: UInt8) -> Bool { entry.stored >> bit & 1 == 1 }
            if has(0) { event.value = counters.removeFirst() }
            if has(6) {
                let head = columns[0].removeFirst()
                event.kind = EventKind(rawValue: UInt8(head & 255))!
                event.flags = UInt8(head >> 8 & 255)
                event.isa = UInt8(head >> 16)
            }
            if has(1) { event.a = UInt32(columns[1].removeFirst()) }
            if has(2) { event.b = UInt32(columns[2].removeFirst()) }
            if has(3) { event.value = columns[3].removeFirst() }
            if has(4) { event.value2 = columns[4].removeFirst() }
            if has(5) { event.value3 = columns[5].removeFirst() }
            return event
        }
    }

    private func planes(_ bytes: [UInt8], _ count: Int, _ planes: Int) -> [UInt64] {
        (0..<count).map { i in (0..<planes).reduce(0) { $0 | UInt64(bytes[$1 * count + i]) << UInt64(8 * $1) } }
    }

    private func frames(_ bits: [UInt8], _ n: Int, _ directory: inout Cursor) -> [UInt64] {
        var out: [UInt64] = []
        var start = 0
        while out.count < n {
            let count = min(256, n - out.count)
            let width = Int(directory.byte())
            let base = directory.varint()
            var run = (0..<count).map { i in
                (0..<width).reduce(base) { sum, bit in
                    let at = start * 8 + i * width + bit
                    return sum &+ UInt64(bits[at / 8] >> UInt8(at % 8) & 1) << UInt64(bit)
                }
            }
            let patches = Int(directory.byte())
            let positions = directory.take(patches)
            for position in positions { run[Int(position)] = run[Int(position)] &+ directory.varint() << UInt64(width) }
            out += run
            start += (count * width + 7) / 8
        }
        return out
    }

    private func values(
        _ low: [UInt8], _ high: [UInt8], _ lowCoding: Int, _ highCoding: Int, _ directory: inout Cursor
    ) -> [UInt64] {
        let total = highCoding & 128 != 0 ? Int(directory.varint()) : nil
        let table = (0..<directory.varint()).map { _ in directory.varint() }
        let l = lowCoding & 15
        let count = low.count / l
        let distances = total.map { Array(high[..<$0]) }
        let highs = Array(high[(total ?? 0)...])
        let lows =
            lowCoding & 16 != 0
            ? planes(low, count, l)
            : (0..<count).map { i in (0..<l).reduce(0) { $0 | UInt64(low[i * l + $1]) << UInt64(8 * $1) } }
        let upper: [UInt64]
        switch table.count {
        case 0: upper = planes(highs, count, 8 - l)
        case 1: upper = Array(repeating: table[0], count: count)
        default: upper = highs.map { table[Int($0)] }
        }
        var fresh = (0..<count).map { (1 << 48) &- (lows[$0] | upper[$0] << UInt64(8 * l)) }[...]
        guard let distances else { return Array(fresh) }
        var out: [UInt64] = []
        for distance in distances { out.append(distance == 0 ? fresh.removeFirst() : out[out.count - Int(distance)]) }
        return out
    }
}
