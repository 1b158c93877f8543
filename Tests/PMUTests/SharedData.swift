import CZstd
import Foundation

/// Data that lies beside the checkout rather than in it: `$VPMU_SHARED`, or a `shared` directory next to the package.
enum SharedData {
    static let root: URL? = {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        var candidates = [
            package.appendingPathComponent("../shared"), package.appendingPathComponent("../../shared"),
        ]
        if let path = ProcessInfo.processInfo.environment["VPMU_SHARED"] {
            candidates.insert(URL(fileURLWithPath: path), at: 0)
        }
        return candidates.first { FileManager.default.fileExists(atPath: $0.appendingPathComponent("perfmon").path) }
    }()

    struct Damaged: Error { var file: String }

    /// A file's content, decompressed if its name ends in `.zst`.
    static func content(_ path: String) throws -> Data {
        let packed = try Data(contentsOf: root!.appendingPathComponent(path))
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
