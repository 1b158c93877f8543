/// What an input is, told from its first bytes.
enum InputForm: Equatable {
    case perfData
    case traceDat
    case text
    /// What `vpmu dump --json` and `vpmu export --format json` write.
    case json

    var name: String {
        switch self {
        case .perfData: "perf.data"
        case .traceDat: "trace.dat"
        case .text: "text"
        case .json: "JSON"
        }
    }
}

enum Recogniser {
    private static let zstdMagic: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]
    private static let traceDatMagic: [UInt8] = [0x17, 0x08, 0x44] + Array("tracing".utf8)

    /// Unpacks a `.zst`; another input is given back as it is.
    static func unpacked(_ input: ImportInput) throws -> (ImportInput, ImportDamage?) {
        guard try input.bytes(at: 0, count: 4) == zstdMagic else { return (input, nil) }
        return try Spool.unpacking(input)
    }

    /// - Throws: `ImportError.empty`, `.unsupported`, `.notRecognised`.
    static func form(of input: ImportInput) throws -> InputForm {
        let head = try input.bytes(at: 0, count: 4096)
        guard !head.isEmpty else { throw ImportError.empty(path: input.name) }
        if head.starts(with: Array("PERFILE2".utf8)) { return .perfData }
        if head.starts(with: Array("2ELIFREP".utf8)) {
            throw ImportError.unsupported(
                path: input.name, reason: "perf.data of a big-endian machine; there is no x86 PMU in it")
        }
        if head.starts(with: Array("PERFFILE".utf8)) {
            throw ImportError.unsupported(
                path: input.name,
                reason: "perf.data of the first version (before Linux 2.6.38); convert it with perf script")
        }
        if head.starts(with: traceDatMagic) { return .traceDat }
        if head.first(where: { $0 != 0x20 && $0 != 0x0a }) == 0x7b, isText(head) { return .json }
        if isText(head) { return .text }
        throw ImportError.notRecognised(path: input.name, beginning: beginning(head))
    }

    /// Text has no NUL and hardly any control characters; it need not be UTF-8, because a comm may be anything.
    private static func isText(_ head: [UInt8]) -> Bool {
        let controls = head.reduce(0) {
            $1 < 0x20 && $1 != 0x0a && $1 != 0x0d && $1 != 0x09 && $1 != 0x1b ? $0 + 1 : $0
        }
        return !head.contains(0) && controls * 50 <= head.count
    }

    private static func beginning(_ head: [UInt8]) -> String {
        head.prefix(8).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined(separator: " ")
    }
}
