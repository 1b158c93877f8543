/// Names well-known formats by their first bytes, for the error that says what a file is instead of a trace.
enum FileSniffer {
    static func name(_ start: [UInt8]) -> String? {
        if start.starts(with: "PERFILE2".utf8) { return "a perf.data file" }
        if start.starts(with: [0x17, 0x08, 0x44] + Array("tracing".utf8)) { return "a trace.dat file" }
        if start.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return "a zstd file (decompress it with `zstd -d` first)" }
        if start.starts(with: [0x1F, 0x8B]) { return "a gzip file (decompress it with `gzip -d` first)" }
        if !start.isEmpty, start.allSatisfy({ $0 >= 0x20 && $0 < 0x7F || (0x09...0x0D).contains($0) || $0 >= 0x80 }) {
            return "text"
        }
        return nil
    }
}
