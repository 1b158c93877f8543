/// The layout of one tracepoint's records, as the traced kernel describes it.
///
/// Layouts differ between kernels: `kvm_entry` gained `intr_info` and `error_code`, and `kvm_exit` gained `requests`,
/// between Linux 6.12 and 6.18, and that of 5.4 does not name its vCPU. So offsets are always taken from the text that
/// the kernel wrote (`events/SYSTEM/NAME/format` in tracefs, or the copy inside a perf.data or trace.dat file).
public struct TracepointFormat: Equatable, Sendable {
    /// The tracepoint's name without its system, e.g. `kvm_msr`.
    public let name: String
    /// The kernel's number for it in this boot: `common_type` of each record, and `config` of its perf event.
    public let id: UInt32
    /// All fields, the common ones first, in the order of the text.
    public let fields: [Field]

    public init(name: String, id: UInt32, fields: [Field]) {
        self.name = name
        self.id = id
        self.fields = fields
    }

    /// The first field of that name, or nil.
    public func field(_ name: String) -> Field? {
        fields.first { $0.name == name }
    }

    /// One field: where it lies in a record, in bytes from the record's first byte (that of `common_type`).
    public struct Field: Equatable, Sendable {
        public var name: String
        /// The C type as written, without the name: `unsigned int`, `char[16]`, `__data_loc char[]`.
        public var type: String
        public var offset: Int
        public var size: Int
        public var isSigned: Bool

        public init(name: String, type: String, offset: Int, size: Int, isSigned: Bool) {
            self.name = name
            self.type = type
            self.offset = offset
            self.size = size
            self.isSigned = isSigned
        }

        /// Where the field's bytes are: in place, or elsewhere in the record.
        public var storage: Storage {
            if type.hasPrefix("__data_loc") { return .dataLocation }
            if type.hasPrefix("__rel_loc") { return .relativeLocation }
            return .inline
        }
    }

    public enum Storage: Sendable {
        case inline
        /// The field is a word of (length << 16 | offset from the record's first byte).
        case dataLocation
        /// The field is a word of (length << 16 | offset from the end of this word).
        case relativeLocation
    }
}
