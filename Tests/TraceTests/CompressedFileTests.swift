import Foundation
import Testing
import Trace

@Suite struct CompressedFileTests {
    /// `printf 'hello\nhello\nhello\n' | zstd --no-check`
    static let packed: [UInt8] = [
        0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x65, 0x00, 0x00, 0x30, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x0a, 0x01, 0x00,
        0xe1,
        0x4a, 0x11,
    ]

    private func with(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("vpmu-\(UUID().uuidString)")
        try Data(bytes).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        try body(url.path)
    }

    @Test("a plain file is read as it is, a zstd file is decompressed whatever its name")
    func contents() throws {
        try with(Array("plain".utf8)) { path in
            let content = try CompressedFile.content(ofFile: path)
            #expect(content == Data("plain".utf8))
        }
        try with(Self.packed) { path in
            let content = try CompressedFile.content(ofFile: path)
            #expect(content == Data("hello\nhello\nhello\n".utf8))
        }
    }

    @Test("a file that ends inside a frame is named with the reason", arguments: [5, 12, 20])
    func truncated(_ length: Int) throws {
        try with(Array(Self.packed.prefix(length))) { path in
            #expect(throws: CompressedFile.Failure(path: path, reason: "ends inside a zstd frame")) {
                try CompressedFile.content(ofFile: path)
            }
        }
    }

    @Test("a file that decompresses to more than allowed, a damaged one and a missing one are refused")
    func refused() throws {
        try with(Self.packed) { path in
            #expect(throws: CompressedFile.Failure(path: path, reason: "decompresses to more than 5 bytes")) {
                try CompressedFile.content(ofFile: path, atMost: 5)
            }
        }
        try with(Self.packed.prefix(6) + [0x67] + Self.packed.suffix(14)) { path in
            #expect(throws: CompressedFile.Failure.self) { try CompressedFile.content(ofFile: path) }
        }
        #expect(throws: CompressedFile.Failure(path: "/nowhere/at/all", reason: "cannot be read")) {
            try CompressedFile.content(ofFile: "/nowhere/at/all")
        }
    }
}
