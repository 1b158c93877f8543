import CZstd
import Foundation

/// A whole file that may be compressed: plain, or zstd if its first bytes say so.
public enum CompressedFile {
    /// Why a file has no content to give.
    public struct Failure: Error, Equatable, CustomStringConvertible {
        public var path: String
        public var reason: String
        public init(path: String, reason: String) {
            self.path = path
            self.reason = reason
        }
        public var description: String { "\(path): \(reason)" }
    }

    /// The content, decompressed.
    ///
    /// - Parameter limit: the most bytes it may have; a file that decompresses to more is refused before it does.
    /// - Throws: `Failure`.
    public static func content(ofFile path: String, atMost limit: Int = 1 << 30) throws(Failure) -> Data {
        guard let packed = FileManager.default.contents(atPath: path) else {
            throw Failure(path: path, reason: "cannot be read")
        }
        guard packed.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) else { return packed }
        do {
            return try unpack(packed, path: path, limit: limit)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(path: path, reason: "\(error)")
        }
    }

    private static func unpack(_ packed: Data, path: String, limit: Int) throws -> Data {
        guard let context = ZSTD_createDCtx() else { throw Failure(path: path, reason: "no memory for zstd") }
        defer { ZSTD_freeDCtx(context) }
        var content = Data()
        var piece = [UInt8](repeating: 0, count: 1 << 17)
        var wanted = 1
        try packed.withUnsafeBytes { bytes in
            var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
            while source.pos < source.size {
                let written = try piece.withUnsafeMutableBytes { room in
                    var target = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
                    let result = ZSTD_decompressStream(context, &target, &source)
                    if ZSTD_isError(result) != 0 {
                        throw Failure(
                            path: path, reason: "offset \(source.pos): \(String(cString: ZSTD_getErrorName(result)))")
                    }
                    wanted = result
                    return target.pos
                }
                content.append(contentsOf: piece[..<written])
                if content.count > limit {
                    throw Failure(path: path, reason: "decompresses to more than \(limit) bytes")
                }
            }
        }
        if wanted != 0 { throw Failure(path: path, reason: "ends inside a zstd frame") }
        return content
    }
}
