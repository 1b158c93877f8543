/// The names of threads that events refer to, in the order of their first use, and the sink's index of each.
///
/// Events hold the collector's index until they leave, because the sink is opened late. An input may make names up: at
/// most `limit` different ones are kept, and what comes after has no name.
struct ThreadNames {
    private static let limit = 1 << 18
    /// The index of a thread whose name the input does not give.
    static let none = UInt32.max

    private var indexes: [String: UInt32] = [:]
    private var names: [String] = []
    private var sinkIndexes: [UInt32] = []
    /// Uses of names beyond the limit.
    private(set) var unnamed: UInt64 = 0

    mutating func index(_ name: String) -> UInt32 {
        let name = name.keptLength
        if let index = indexes[name] { return index }
        guard names.count < Self.limit else {
            unnamed += 1
            return Self.none
        }
        let index = UInt32(names.count)
        indexes[name] = index
        names.append(name)
        return index
    }

    /// Gives the sink every name it has not got yet.
    mutating func hand(to intern: (String) throws -> UInt32) rethrows {
        while sinkIndexes.count < names.count { sinkIndexes.append(try intern(names[sinkIndexes.count])) }
    }

    /// The sink's index of one of ours.
    func sinkIndex(_ index: UInt32) -> UInt32 { index == Self.none ? index : sinkIndexes[Int(index)] }

    /// What to say of names that were not kept, nil where all were.
    var remark: String? {
        unnamed == 0
            ? nil
            : "the input names more than \(Self.limit) different threads; \(unnamed) times a thread after these is left without its name"
    }
}

extension String {
    /// The first 256 bytes: a name of Linux has 15, and one of an instance before it some more, but an input may claim
    /// any length.
    var keptLength: String { utf8.count <= 256 ? self : String(decoding: utf8.prefix(256), as: UTF8.self) }
}
