import Trace

/// Numbers of trace.dat's options and sections (trace-cmd.dat.v6(5), trace-cmd.dat.v7(5)).
enum TraceDatNumber {
    static let done: UInt16 = 0
    static let date: UInt16 = 1
    static let cpuStat: UInt16 = 2
    static let buffer: UInt16 = 3
    static let clock: UInt16 = 4
    static let uname: UInt16 = 5
    static let offset: UInt16 = 7
    static let cpuCount: UInt16 = 8
    static let version: UInt16 = 9
    static let guest: UInt16 = 13
    static let tscToNanoseconds: UInt16 = 14
    static let strings: UInt16 = 15
    static let headerInfo: UInt16 = 16
    static let ftraceEvents: UInt16 = 17
    static let eventFormats: UInt16 = 18
    static let commandLines: UInt16 = 21
    static let bufferText: UInt16 = 22
    /// Which process each thread is of, in a fork of trace-cmd that GPUVis reads; its older files have the same as
    /// option 8, which is then longer than a number (gpuvis, trace-cmd/trace-input.c, `tracecmd_parse_tgids`).
    static let savedProcesses: UInt16 = 32
}

/// The ring buffer of one instance, as the file describes it.
struct TraceDatBuffer: Equatable {
    /// Empty for the top instance.
    var name: String
    var clock: String?
    var pageSize: Int
    var cpus: [CPU]

    struct CPU: Equatable {
        var id: UInt32
        var offset: UInt64
        var size: UInt64
    }
}

/// From a buffer's clock to the trace's time.
struct TraceDatClock: Equatable {
    /// TSC cycles to nanoseconds: (cycles × multiplier) >> shift.
    var multiplier: UInt32 = 0
    var shift: UInt32 = 0
    /// Added to every time, the OFFSET option.
    var offset: Int64 = 0

    func nanoseconds(_ time: UInt64) -> UInt64 {
        var result = time
        if multiplier != 0 {
            let product = time.multipliedFullWidth(by: UInt64(multiplier))
            result =
                shift == 0
                ? product.low : (product.high << (64 - UInt64(shift))) | (product.low >> UInt64(shift))
        }
        return result &+ UInt64(bitPattern: offset)
    }

    /// The clock that stands in brackets in a `trace_clock` file, or the whole text where none does.
    static func selected(_ text: String) -> String {
        if let open = text.firstIndex(of: "["), let close = text[open...].firstIndex(of: "]") {
            return String(text[text.index(after: open)..<close])
        }
        return String(text.prefix { $0 != "\n" && $0 != "\0" })
    }

    /// The name our metadata uses for one of ftrace's clocks.
    static func metadataName(_ clock: String) -> String {
        clock == "mono" ? "monotonic" : clock
    }
}
