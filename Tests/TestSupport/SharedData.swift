import Foundation

/// Data that lies beside the checkout rather than in it: `$VPMU_SHARED`, or a `shared` folder next to the package or to
/// its folder. Tests that want it are skipped where it is not.
public enum SharedData {
    /// The package's own folder.
    public static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The file or folder called `path` in there, nil where it is not.
    public static func url(_ path: String) -> URL? {
        var roots = [package.appendingPathComponent("../shared"), package.appendingPathComponent("../../shared")]
        if let path = ProcessInfo.processInfo.environment["VPMU_SHARED"] {
            roots.insert(URL(fileURLWithPath: path), at: 0)
        }
        return roots.map { $0.appendingPathComponent(path).standardizedFileURL }
            .first { FileManager.default.fileExists(atPath: $0.path) }
    }
}
