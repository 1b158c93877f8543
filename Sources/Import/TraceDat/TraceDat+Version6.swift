import Trace

extension TraceDatReader {
    /// What follows the initial bytes of version 6, up to the table of the top buffer.
    ///
    /// - Throws: `ImportDamage`.
    func readSequential(_ region: inout Region) throws {
        try tracing.readHeaderInfo(&region)
        try tracing.readFtraceFormats(&region)
        try tracing.readEventFormats(&region)
        try tracing.skipSymbols(&region)
        try tracing.readProcessNames(&region)
        guard let cpus: UInt32 = try region.integer() else {
            throw ImportDamage(offset: region.position, reason: "cut off before the number of CPUs")
        }
        guard cpus <= UInt32(UInt16.max) else {
            throw ImportDamage(offset: region.position - 4, reason: "\(cpus) CPUs are claimed")
        }
        var instances: [(offset: UInt64, name: String)] = []
        if try region.expect("options  \0") { try readOptions(&region, &instances) }
        try readTable(&region, name: "", cpus: cpus)
        for instance in instances {
            var table = Region(file, from: instance.offset, to: file.size)
            _ = try table.expect("options  \0")
            do { try readTable(&table, name: instance.name, cpus: cpus) } catch let damage as ImportDamage {
                // A recorder that failed leaves an instance's place empty; the other instances are whole.
                collector.noteDamage(at: damage.offset, "instance \(instance.name): \(damage.reason)")
            }
        }
    }

    private func readOptions(_ region: inout Region, _ instances: inout [(offset: UInt64, name: String)]) throws {
        while true {
            guard let option: UInt16 = try region.integer() else {
                throw ImportDamage(offset: region.position, reason: "cut off in the options")
            }
            if option == TraceDatNumber.done { return }
            guard let size: UInt32 = try region.integer(), size <= 64 << 20,
                let data = try region.bytes(Int(size))
            else { throw ImportDamage(offset: region.position, reason: "cut off in option \(option)") }
            if option == TraceDatNumber.buffer, data.count > 8 {
                instances.append(
                    (data.value(0), UnsafeRawBufferPointer(rebasing: data[8...]).text))
            } else {
                take(option: option, data, at: region.position)
            }
        }
    }

    /// `flyrecord`, then offset and size of each CPU's pages.
    private func readTable(_ region: inout Region, name: String, cpus: UInt32) throws {
        if try region.expect("latency  \0") {
            textAt = region.position
            return
        }
        guard try region.expect("flyrecord\0") else {
            throw ImportDamage(
                offset: region.position, reason: "neither flyrecord nor latency where the pages should be described")
        }
        var buffer = TraceDatBuffer(name: name, clock: nil, pageSize: Int(tracing.pageSize), cpus: [])
        for id in 0..<cpus {
            guard let offset: UInt64 = try region.integer(), let size: UInt64 = try region.integer() else {
                buffers.append(buffer)
                throw ImportDamage(offset: region.position, reason: "cut off in the table of CPUs")
            }
            buffer.cpus.append(.init(id: id, offset: offset, size: size))
        }
        buffer.clock = try readClock(&region)
        buffers.append(buffer)
    }

    /// The buffer's own clock, which later writers of version 6 put behind the table: a 64-bit length and `[local]`.
    private func readClock(_ region: inout Region) throws -> String? {
        guard let length: UInt64 = try region.integer(), length > 2, length <= 256,
            let bytes = try region.bytes(Int(length)), bytes.first == 0x5b
        else { return nil }
        return TraceDatClock.selected(bytes.text)
    }
}
