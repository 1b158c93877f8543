import Foundation
import Trace

/// The tracepoints of ours that this kernel has, with their layouts.
public struct Tracepoints: Sendable {
    public struct Entry: Sendable {
        public var kind: EventKind
        /// The kernel's description of the fields; how it would print them is left out.
        public var text: String
        public var format: TracepointFormat
        public var decoder: TracepointDecoder
    }

    /// In the order asked for.
    public let present: [Entry]
    public let missing: [EventKind]
    /// Index into `present` by `common_type`; 0xff where it is none of ours.
    private let indexByType: [UInt8]

    /// - Throws: `CaptureError.noTracepoints` where none of `kinds` exists, or what reading the formats throws.
    public init(_ tracefs: Tracefs, kinds: [EventKind] = EventKind.always) throws {
        var present: [Entry] = []
        var missing: [EventKind] = []
        for kind in kinds {
            guard tracefs.has(kind) else {
                missing.append(kind)
                continue
            }
            let text = try tracefs.formatText(kind)
            let format = try TracepointFormat(parsing: text)
            present.append(
                Entry(kind: kind, text: text, format: format, decoder: try TracepointDecoder(format: format)))
        }
        guard let largest = present.map(\.format.id).max() else {
            throw CaptureError.noTracepoints(
                reason: "this kernel has none of \(kinds.map(\.qualifiedName).joined(separator: ", ")); "
                    + "is it built with CONFIG_EVENT_TRACING, and are the kvm modules loaded?")
        }
        // `common_type` has 16 bits.
        var index = [UInt8](repeating: 0xff, count: min(Int(largest), 0xffff) + 1)
        for (position, entry) in present.enumerated() where entry.format.id <= 0xffff {
            index[Int(entry.format.id)] = UInt8(position)
        }
        self.present = present
        self.missing = missing
        indexByType = index
    }

    /// The entry's index for a record's `common_type`, or nil.
    @inline(__always)
    func index(ofType type: UInt16) -> Int? {
        guard Int(type) < indexByType.count, indexByType[Int(type)] != 0xff else { return nil }
        return Int(indexByType[Int(type)])
    }
}
