import Counts
import Foundation

/// A trace to be checked: where it is, and what baselines and reports call it.
public struct CheckedTrace: Equatable, Sendable {
    public var name: String
    public var path: String

    public init(name: String, path: String) {
        self.name = name
        self.path = path
    }

    /// The traces that `paths` name: a file by its last component, a folder by all `.vpt` files below it, each by its
    /// path inside the folder; in canonical order.
    ///
    /// - Throws: `CheckProblem` for a path that is not there, a folder without traces, and equal names.
    public static func list(_ paths: [String]) throws(CheckProblem) -> [CheckedTrace] {
        var traces: [CheckedTrace] = []
        for path in paths {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
                throw CheckProblem("\(path): no such file or folder")
            }
            guard isFolder.boolValue else {
                traces.append(CheckedTrace(name: (path as NSString).lastPathComponent, path: path))
                continue
            }
            let inside = (FileManager.default.enumerator(atPath: path)?.allObjects ?? []).compactMap { $0 as? String }
                .filter { $0.hasSuffix(".vpt") }
            guard !inside.isEmpty else { throw CheckProblem("\(path): no .vpt file in this folder") }
            traces += inside.map { CheckedTrace(name: $0, path: (path as NSString).appendingPathComponent($0)) }
        }
        traces.sort { NaturalOrder.less($0.name, $1.name) }
        for (a, b) in zip(traces, traces.dropFirst()) where a.name == b.name {
            throw CheckProblem("\(a.path) and \(b.path) would both be called \(a.name); check them by their folder")
        }
        return traces
    }
}
