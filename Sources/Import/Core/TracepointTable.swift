import Trace

/// The tracepoints that an input describes, by the number its records carry.
struct TracepointTable {
    struct Entry {
        /// `system:name`.
        var name: String
        /// nil for a tracepoint that is not ours.
        var decoder: TracepointDecoder?
        var kind: EventKind? { decoder?.kind }
    }

    private var entries: [Entry] = []
    /// Index into `entries` by number, -1 where the input describes none.
    private var indexOf: [Int32] = []
    /// `common_type` has 16 bits.
    private static let limit: UInt32 = 1 << 16
    /// The format text of each of ours, for the trace's metadata.
    private(set) var formats: [String: String] = [:]

    var isEmpty: Bool { entries.isEmpty }

    @inline(__always)
    func entry(_ id: Int) -> Entry? {
        guard id >= 0, id < indexOf.count, indexOf[id] >= 0 else { return nil }
        return entries[Int(indexOf[id])]
    }

    /// Index of the entry for `common_type`, or nil.
    @inline(__always)
    func index(_ id: Int) -> Int? {
        guard id >= 0, id < indexOf.count, indexOf[id] >= 0 else { return nil }
        return Int(indexOf[id])
    }

    @inline(__always)
    subscript(index: Int) -> Entry { entries[index] }
    var count: Int { entries.count }

    /// Adds one `format` text as the input holds it.
    ///
    /// - Returns: nil, or why one of our tracepoints cannot be decoded.
    mutating func add(system: String, format text: String) -> String? {
        let format: TracepointFormat
        do { format = try TracepointFormat(parsing: text) } catch {
            // Only a line of one of ours matters; some tracepoints of others have fields no parser likes.
            guard let (name, id) = Self.nameAndID(text) else { return "\(error)" }
            insert(Entry(name: "\(system):\(name)", decoder: nil), id: id)
            return EventKind(system: system, tracepoint: name) == nil ? nil : "\(error)"
        }
        guard let kind = EventKind(system: system, tracepoint: format.name) else {
            insert(Entry(name: "\(system):\(format.name)", decoder: nil), id: format.id)
            return nil
        }
        do {
            insert(Entry(name: kind.qualifiedName, decoder: try TracepointDecoder(format: format)), id: format.id)
            formats[kind.qualifiedName] = text
            return nil
        } catch {
            insert(Entry(name: kind.qualifiedName, decoder: nil), id: format.id)
            return "\(error)"
        }
    }

    /// Gives a number a decoder that the input itself does not describe.
    mutating func addInferred(_ decoder: TracepointDecoder, id: UInt32) {
        insert(Entry(name: decoder.kind.qualifiedName, decoder: decoder), id: id)
    }

    private mutating func insert(_ entry: Entry, id: UInt32) {
        guard id < Self.limit else { return }
        if Int(id) >= indexOf.count {
            indexOf.append(contentsOf: repeatElement(-1, count: Int(id) + 1 - indexOf.count))
        }
        // What is described twice is what it was described as last.
        if indexOf[Int(id)] >= 0 {
            entries[Int(indexOf[Int(id)])] = entry
        } else {
            indexOf[Int(id)] = Int32(entries.count)
            entries.append(entry)
        }
    }

    private static func nameAndID(_ text: String) -> (String, UInt32)? {
        var name: String?
        var id: UInt32?
        for line in text.split(separator: "\n", maxSplits: 4) {
            if line.hasPrefix("name: ") { name = String(line.dropFirst(6)) }
            if line.hasPrefix("ID: ") { id = UInt32(line.dropFirst(4)) }
        }
        guard let name, let id else { return nil }
        return (name, id)
    }
}
