import Foundation
import Trace

@testable import Import

/// What an import of bytes gave.
struct Imported {
    var trace: TraceBuffer
    var summary: ImportSummary
    var metadata: TraceMetadata

    var events: [TraceEvent] { trace.events }

    init(_ bytes: [UInt8], options: ImportOptions = ImportOptions()) throws {
        try self.init(ImportInput(bytes: bytes, name: "test"), options: options)
    }

    init(text: String, options: ImportOptions = ImportOptions()) throws {
        try self.init(Array(text.utf8), options: options)
    }

    init(_ input: ImportInput, options: ImportOptions = ImportOptions()) throws {
        (trace, summary, metadata) = try Importer(options: options).run(input) { TraceBuffer(metadata: $0) }
    }

    func comm(_ index: UInt32) -> String? { index < trace.comms.count ? trace.comms[Int(index)] : nil }

    /// Sorted as a reader of the trace would see them.
    var byTime: [TraceEvent] {
        events.enumerated().sorted { a, b in
            (a.element.time, a.element.pcpu, a.offset) < (b.element.time, b.element.pcpu, b.offset)
        }.map(\.element)
    }
}

/// Recordings that are not part of the project.
enum Captures {
    static let directory: URL? = {
        let environment = ProcessInfo.processInfo.environment["VPMU_SHARED"].map { URL(fileURLWithPath: $0) }
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let beside = [
            package.deletingLastPathComponent(), package.deletingLastPathComponent().deletingLastPathComponent(),
        ]
        .map { $0.appendingPathComponent("shared") }
        return ([environment].compactMap { $0 } + beside).map { $0.appendingPathComponent("captures") }
            .first { FileManager.default.fileExists(atPath: $0.path) }
    }()

    static var arePresent: Bool { directory != nil }

    static func input(_ name: String) throws -> ImportInput {
        try ImportInput(path: directory!.appendingPathComponent(name).path)
    }
}
