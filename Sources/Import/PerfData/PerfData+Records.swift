/// Numbers of perf's records: the kernel's own (include/uapi/linux/perf_event.h) and those perf adds (from 64 on,
/// `tools/lib/perf/include/perf/event.h`).
enum PerfRecord {
    static let lost: UInt32 = 2
    static let comm: UInt32 = 3
    static let fork: UInt32 = 7
    static let sample: UInt32 = 9
    static let lostSamples: UInt32 = 13
    /// The last of the kernel's that this reader has seen; later ones are passed over.
    static let lastKernel: UInt32 = 31
    static let attribute: UInt32 = 64
    static let eventType: UInt32 = 65
    static let tracingData: UInt32 = 66
    static let finishedRound: UInt32 = 68
    static let idIndex: UInt32 = 69
    static let auxTrace: UInt32 = 71
    static let eventUpdate: UInt32 = 78
    static let feature: UInt32 = 80
    static let compressed: UInt32 = 81
    static let compressed2: UInt32 = 83
    static let lastUser: UInt32 = 95

    /// `PERF_RECORD_MISC_LOST_SAMPLES_BPF`: a filter dropped them on purpose.
    static let filteredByBPF: UInt16 = 1 << 15

    /// "[ pe" of `[ perf record: Woken up ... ]`, where a pipe took perf's messages along.
    static let ownMessage: UInt32 = 0x6570_205b

    /// A type that perf may well have written.
    static func isPlausible(_ type: UInt32) -> Bool {
        (1...lastKernel).contains(type) || (attribute...lastUser).contains(type)
    }

    /// The first eight bytes of every record.
    struct Header {
        var type: UInt32
        var misc: UInt16
        var size: UInt16

        init(_ bytes: UnsafeRawBufferPointer) {
            type = bytes.value(0)
            misc = bytes.value(4)
            size = bytes.value(6)
        }

        /// Why no record can begin like this, or nil.
        var fault: String? {
            if size < 8 { return "a record claims a size of \(size) bytes" }
            if !PerfRecord.isPlausible(type) { return "no record has type \(type) (size \(size))" }
            if type <= PerfRecord.lastKernel, size % 8 != 0 {
                return "a record of type \(type) claims \(size) bytes, no multiple of 8"
            }
            return nil
        }
    }
}
