/// Ring buffer pages and trace.dat files around them.
struct RingPage {
    var time: UInt64
    var missed: UInt64?
    /// The number is stored behind the data.
    var storesMissed = true
    private(set) var data = ByteBuilder()

    init(time: UInt64, missed: UInt64? = nil) {
        self.time = time
        self.missed = missed
    }

    /// A record of up to 112 bytes.
    mutating func add(_ record: [UInt8], after delta: UInt32 = 0) {
        precondition(record.count % 4 == 0 && record.count <= 112)
        word(UInt32(record.count / 4), delta)
        data.add(record)
    }

    /// A record whose length stands in its own word.
    mutating func addLong(_ record: [UInt8], after delta: UInt32 = 0) {
        word(0, delta)
        data.add(UInt32(record.count + 4))
        data.add(record)
        data.pad(to: 4)
    }

    mutating func extend(by time: UInt64) {
        word(30, UInt32(time & 0x7ff_ffff))
        data.add(UInt32(time >> 27))
    }

    mutating func stamp(_ time: UInt64) {
        word(31, UInt32(time & 0x7ff_ffff))
        data.add(UInt32(truncatingIfNeeded: time >> 27))
    }

    mutating func discard(_ count: Int, after delta: UInt32) {
        word(29, delta)
        data.add(UInt32(count + 4))
        data.add([UInt8](repeating: 0xee, count: count))
    }

    mutating func fill() { word(29, 0) }

    mutating func word(_ type: UInt32, _ delta: UInt32) { data.add(type | delta << 5) }

    func bytes(pageSize: Int = 4096) -> [UInt8] {
        var commit = UInt64(data.bytes.count)
        if missed != nil { commit |= 1 << 31 }
        if missed != nil, storesMissed { commit |= 1 << 30 }
        var page = ByteBuilder()
        page.add(time)
        page.add(commit)
        page.add(data.bytes)
        if let missed, storesMissed { page.add(missed) }
        page.pad(to: pageSize)
        return page.bytes
    }
}

struct TraceDatBuilder {
    struct Buffer {
        var name = ""
        /// Pages of each CPU.
        var cpus: [[[UInt8]]]
    }

    var buffers: [Buffer]
    var clock = "[local] global mono\n"
    var options: [(UInt16, [UInt8])] = []
    var statistics: [String] = []
    /// trace-cmd 3.1 leaves the size of a section of pages 0.
    var fillsBufferSizes = true
    /// How often version 7's options name each section.
    var naming = 1

    private var commonOptions: [(UInt16, [UInt8])] {
        var all: [(UInt16, [UInt8])] = [
            (4, Array(clock.utf8) + [0]), (5, Array("Linux host 6.18.44 x86_64".utf8) + [0]),
        ]
        all += statistics.map { (2, Array($0.utf8) + [0]) }
        return all + options
    }

    func version6() -> [UInt8] {
        var file = ByteBuilder()
        file.add(Tracepoints.tracingData(version: "6"))
        file.add(UInt32(buffers[0].cpus.count))
        file.add(zeroTerminated: "options  ")
        for (id, data) in commonOptions {
            file.add(id)
            file.add(UInt32(data.count))
            file.add(data)
        }
        var instanceAt: [Int] = []
        for buffer in buffers.dropFirst() {
            file.add(UInt16(3))
            file.add(UInt32(9 + buffer.name.utf8.count))
            instanceAt.append(file.bytes.count)
            file.add(UInt64(0))
            file.add(zeroTerminated: buffer.name)
        }
        file.add(UInt16(0))
        var tables: [Int] = []
        for (index, buffer) in buffers.enumerated() {
            if index > 0 { file.put(UInt64(file.bytes.count), at: instanceAt[index - 1]) }
            file.add(zeroTerminated: "flyrecord")
            tables.append(file.bytes.count)
            file.add([UInt8](repeating: 0, count: 16 * buffer.cpus.count))
        }
        for (buffer, table) in zip(buffers, tables) {
            for (cpu, pages) in buffer.cpus.enumerated() {
                file.pad(to: 4096)
                file.put(UInt64(file.bytes.count), at: table + 16 * cpu)
                file.put(UInt64(pages.count * 4096), at: table + 16 * cpu + 8)
                for page in pages { file.add(page) }
            }
        }
        return file.bytes
    }

    func version7(compressed: Bool) -> [UInt8] {
        var file = ByteBuilder()
        file.add([0x17, 0x08, 0x44])
        file.add(text: "tracing")
        file.add(zeroTerminated: "7")
        file.add(UInt8(0))
        file.add(UInt8(8))
        file.add(UInt32(4096))
        file.add(zeroTerminated: compressed ? "zstd" : "none")
        file.add(zeroTerminated: compressed ? "1.5.4" : "")
        let firstOptionsAt = file.bytes.count
        file.add(UInt64(0))

        func section(_ id: UInt16, _ content: [UInt8]) -> Int {
            let at = file.bytes.count
            let packed = compressed ? zstd(content) : content
            let stored = compressed ? bytes(UInt32(packed.count), UInt32(content.count)) + packed : packed
            file.add(id)
            file.add(UInt16(compressed ? 1 : 0))
            file.add(UInt32(0))
            file.add(UInt64(stored.count))
            file.add(stored)
            return at
        }
        let names = "7 CPU 0/KVM\n"
        let header = section(16, Tracepoints.headerInfo)
        let formats = section(18, Tracepoints.eventFormats)
        let processes = section(21, bytes(UInt64(names.utf8.count)) + Array(names.utf8))

        func option(_ id: UInt16, _ data: [UInt8]) -> [UInt8] { bytes(id) + bytes(UInt32(data.count)) + data }
        func uncompressed(_ content: [UInt8]) -> Int {
            let at = file.bytes.count
            file.add(bytes(UInt16(0), 0))
            file.add(UInt32(0))
            file.add(UInt64(content.count))
            file.add(content)
            return at
        }
        var first = option(16, bytes(UInt64(header))) + option(18, bytes(UInt64(formats)))
        first += option(21, bytes(UInt64(processes)))
        first = Array([[UInt8]](repeating: first, count: naming).joined())
        for (id, data) in commonOptions { first += option(id, data) }
        var previous = uncompressed(first + option(0, bytes(UInt64(0))))
        file.put(UInt64(previous), at: firstOptionsAt)
        var link = previous + 16 + first.count + 6
        for buffer in buffers {
            let at = file.bytes.count
            file.add(UInt16(3))
            file.add(UInt16(compressed ? 1 : 0))
            file.add(UInt32(0))
            let sizeAt = file.bytes.count
            file.add(UInt64(0))
            var described = bytes(UInt64(at)) + Array(buffer.name.utf8) + [0] + Array("local".utf8) + [0]
            described += bytes(UInt32(4096), UInt32(buffer.cpus.count))
            for (cpu, pages) in buffer.cpus.enumerated() {
                file.pad(to: 4096)
                let start = file.bytes.count
                if compressed {
                    let chunks = stride(from: 0, to: pages.count, by: 2).map {
                        Array(pages[$0..<min(pages.count, $0 + 2)].joined())
                    }
                    file.add(UInt32(chunks.count))
                    for chunk in chunks {
                        let packed = zstd(chunk)
                        file.add(bytes(UInt32(packed.count), UInt32(chunk.count)))
                        file.add(packed)
                    }
                } else {
                    for page in pages { file.add(page) }
                }
                // trace-cmd leaves the count of chunks out of the size.
                let size = file.bytes.count - start - (compressed ? 4 : 0)
                described += bytes(UInt32(cpu)) + bytes(UInt64(start), UInt64(max(0, size)))
            }
            if fillsBufferSizes { file.put(UInt64(file.bytes.count - sizeAt - 8), at: sizeAt) }
            let naming = Array([[UInt8]](repeating: option(3, described), count: naming).joined())
            previous = uncompressed(naming + option(0, bytes(UInt64(0))))
            file.put(UInt64(previous), at: link)
            link = previous + 16 + naming.count + 6
        }
        return file.bytes
    }
}
