import Foundation

/// Intel's list of a processor's core events (the JSON files of the perfmon project), as far as it says which counters
/// may hold an event.
public struct VendorEventList: Decodable, Sendable {
    public var title: String
    public var events: [Entry]

    /// One event; its values stand as the file spells them.
    public struct Entry: Decodable, Sendable {
        public var name: String
        /// One code, or two separated by a comma where either register pair will do.
        public var code: String
        public var umask: String
        /// `0,1,2,3` or `Fixed counter 1`.
        public var counters: String
        /// The same with hyper-threading off, where the list has it.
        public var countersWithoutHT: String?
        public var counterMask: String
        public var invert: String
        public var edge: String

        private enum CodingKeys: String, CodingKey {
            case name = "EventName"
            case code = "EventCode"
            case umask = "UMask"
            case counters = "Counter"
            case countersWithoutHT = "CounterHTOff"
            case counterMask = "CounterMask"
            case invert = "Invert"
            case edge = "EdgeDetect"
        }

        /// The event's raw configs, one for each code; nil if a field is no number.
        public var configs: [UInt64]? {
            guard let umask = number(umask), let mask = number(counterMask), let invert = number(invert),
                let edge = number(edge)
            else { return nil }
            var configs: [UInt64] = []
            for code in code.split(separator: ",") {
                guard let event = number(code.trimmingCharacters(in: .whitespaces)) else { return nil }
                configs.append(event | umask << 8 | edge << 18 | invert << 23 | mask << 24)
            }
            return configs
        }

        private func number(_ text: String) -> UInt64? {
            text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
        }
    }

    private enum CodingKeys: String, CodingKey {
        case header = "Header"
        case events = "Events"
    }
    private struct Header: Decodable {
        var info: String

        private enum CodingKeys: String, CodingKey { case info = "Info" }
    }

    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        title = try keys.decode(Header.self, forKey: .header).info
        events = try keys.decode([Entry].self, forKey: .events)
    }

    /// Whether a column speaks of a core whose threads share the counters.
    public enum Column: Sendable {
        case hyperthreading, withoutHyperthreading

        /// The column that speaks of a model.
        public static func of(_ model: ProcessorModel) -> Column {
            model.name.hasSuffix("-noht") ? .withoutHyperthreading : .hyperthreading
        }
    }

    /// A file that is no event list.
    public struct Unreadable: Error, Equatable, CustomStringConvertible {
        public var file: String
        public var description: String {
            "\(file): not an event list: a JSON object with `Header` and `Events`, as the perfmon project publishes them"
        }
    }

    /// Reads a list as it is published.
    ///
    /// - Throws: `Unreadable`.
    public init(json: Data, file: String) throws(Unreadable) {
        do { self = try JSONDecoder().decode(VendorEventList.self, from: json) } catch { throw Unreadable(file: file) }
    }

    /// The counters a field of the list names, as a mask; nil if it is not of the two known forms.
    public static func mask(ofField field: String) -> UInt64? {
        if field.hasPrefix("Fixed counter ") {
            return Int(field.dropFirst(14)).flatMap { (0..<16).contains($0) ? Counter.fixed($0).bit : nil }
        }
        var mask: UInt64 = 0
        for number in field.split(separator: ",") {
            guard let gp = Int(number.trimmingCharacters(in: .whitespaces)), (0..<32).contains(gp) else { return nil }
            mask |= Counter.gp(gp).bit
        }
        return mask == 0 ? nil : mask
    }
}
