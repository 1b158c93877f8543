import CZstd
import Foundation
import TestSupport

/// Intel's event lists, where they lie beside the checkout.
enum EventLists {
    static let root = SharedData.url("perfmon")

    struct Damaged: Error { var file: String }

    /// A file's content by its path from the collection's root, decompressed if its name ends in `.zst`.
    static func content(_ path: String) throws -> Data {
        let packed = try Data(contentsOf: root!.deletingLastPathComponent().appendingPathComponent(path))
        guard path.hasSuffix(".zst") else { return packed }
        return try packed.withUnsafeBytes { bytes in
            let size = ZSTD_getFrameContentSize(bytes.baseAddress, bytes.count)
            guard size < 1 << 28 else { throw Damaged(file: path) }
            var content = Data(count: Int(size))
            let written = content.withUnsafeMutableBytes {
                ZSTD_decompress($0.baseAddress, $0.count, bytes.baseAddress, bytes.count)
            }
            guard written == Int(size) else { throw Damaged(file: path) }
            return content
        }
    }
}
