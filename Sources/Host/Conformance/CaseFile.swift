import CZstd
import Foundation

/// A file of conformance cases, plain or compressed with zstd, line by line in bounded memory.
///
/// What the file is, its first four bytes say (RFC 8878: 28 b5 2f fd), not its name.
struct CaseFile {
    /// The longest line that is read, in bytes.
    static let longestLine = 16 << 20
    private static let chunk = 1 << 17

    let path: String

    /// Calls `body` with each line that is not empty, its number, and the part of the file read so far, in percent.
    ///
    /// - Throws: `Conformance.Failure`, and what `body` throws.
    func forEachLine(_ body: (Data, _ line: Int, _ percent: Int) throws -> Void) throws {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw Conformance.Failure(file: path, line: nil, reason: "cannot be opened: is the path right?")
        }
        defer { try? file.close() }
        let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
        var lines = LineSplitter(path: path)
        var taken = 0
        func percent() -> Int { size > 0 ? min(100, taken * 100 / size) : 0 }
        func read() throws -> Data {
            do {
                let data = try file.read(upToCount: CaseFile.chunk) ?? Data()
                taken += data.count
                return data
            } catch {
                throw Conformance.Failure(file: path, line: nil, reason: "cannot be read; a case file is JSON lines")
            }
        }
        var chunk = try read()
        if chunk.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
            var stream = try ZstdLines(path: path)
            while !chunk.isEmpty {
                try stream.feed(chunk, at: taken - chunk.count) { try lines.feed($0) { try body($0, $1, percent()) } }
                chunk = try read()
            }
            try stream.finish(at: taken)
        } else {
            while !chunk.isEmpty {
                try lines.feed(chunk) { try body($0, $1, percent()) }
                chunk = try read()
            }
        }
        try lines.finish { try body($0, $1, 100) }
    }
}

/// Cuts bytes into lines.
private struct LineSplitter {
    let path: String
    private var rest = Data()
    private var number = 0

    init(path: String) { self.path = path }

    mutating func feed(_ data: Data, _ body: (Data, Int) throws -> Void) throws {
        var start = data.startIndex
        while let end = data[start...].firstIndex(of: UInt8(ascii: "\n")) {
            rest.append(data[start..<end])
            try emit(body)
            start = data.index(after: end)
        }
        rest.append(data[start...])
        guard rest.count <= CaseFile.longestLine else {
            throw Conformance.Failure(
                file: path, line: number + 1,
                reason: "is longer than \(CaseFile.longestLine) bytes; a case is one JSON object on a line")
        }
    }

    mutating func finish(_ body: (Data, Int) throws -> Void) throws { if !rest.isEmpty { try emit(body) } }

    private mutating func emit(_ body: (Data, Int) throws -> Void) throws {
        number += 1
        let line = rest
        rest = Data()
        if !line.allSatisfy({ $0 == 0x20 || $0 == 0x0d }) { try body(line, number) }
    }
}

/// Decompresses zstd frames chunk by chunk.
private struct ZstdLines: ~Copyable {
    private let stream: OpaquePointer
    private let path: String
    private var isInFrame = false

    init(path: String) throws {
        guard let stream = ZSTD_createDStream() else {
            throw Conformance.Failure(file: path, line: nil, reason: "no memory to decompress it")
        }
        // 8 MiB: what zstd uses up to level 19. A larger window would let a file ask for any amount of memory.
        _ = ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 23)
        self.stream = stream
        self.path = path
    }

    deinit { ZSTD_freeDStream(stream) }

    mutating func feed(_ data: Data, at offset: Int, _ body: (Data) throws -> Void) throws {
        var output = [UInt8](repeating: 0, count: 1 << 17)
        var position = 0
        while position < data.count || isInFrame {
            let before = position
            let (written, result) = data.withUnsafeBytes { bytes in
                output.withUnsafeMutableBytes { out in
                    var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: position)
                    var buffer = ZSTD_outBuffer(dst: out.baseAddress, size: out.count, pos: 0)
                    let result = ZSTD_decompressStream(stream, &buffer, &input)
                    position = input.pos
                    return (buffer.pos, result)
                }
            }
            if ZSTD_isError(result) != 0 {
                throw Conformance.Failure(
                    file: path, line: nil,
                    reason: "is damaged near byte \(offset + before) (\(String(cString: ZSTD_getErrorName(result))))")
            }
            isInFrame = result != 0
            if written > 0 { try body(Data(output[0..<written])) }
            if written == 0, position == before { break }
        }
    }

    func finish(at size: Int) throws {
        guard !isInFrame else {
            throw Conformance.Failure(file: path, line: nil, reason: "ends in the middle of its data, at byte \(size)")
        }
    }
}
