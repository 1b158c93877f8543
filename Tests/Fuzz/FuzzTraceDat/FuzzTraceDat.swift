import Glibc
import Import
import Trace

/// Bytes behind the magic of trace.dat; the first decides the version, and whether pages are compressed.
private func fuzzTraceDat(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    let input = UnsafeBufferPointer(start: data, count: size)
    guard let mode = input.first else { return 0 }
    // Version, little endian, 8 bytes a long, pages of 4096 bytes.
    var bytes = [0x17, 0x08, 0x44] + Array("tracing".utf8) + [mode % 2 == 0 ? 0x36 : 0x37, 0, 0, 8, 0, 0x10, 0, 0]
    switch mode % 8 {
    case 1: bytes += Array("zstd\u{0}1\u{0}".utf8)
    case 3: bytes += Array("none\u{0}\u{0}".utf8)
    default: break
    }
    bytes += input.dropFirst()
    importing(bytes)
    return 0
}

private func importing(_ bytes: [UInt8]) {
    do {
        let (sink, summary, _) = try Importer().run(ImportInput(bytes: bytes)) { _ in CountingSink() }
        precondition(sink.events == summary.takenTotal, "records counted and records handed on differ")
    } catch is ImportError {
        return
    } catch {
        preconditionFailure("an error of no kind that an importer throws: \(error)")
    }
}

/// Checks the promise of every sink: the records of a pCPU come in rising time.
private struct CountingSink: TraceSink {
    var events: UInt64 = 0
    var last: [UInt16: UInt64] = [:]
    var comms: UInt32 = 0

    mutating func append(_ event: TraceEvent) {
        events += 1
        precondition(last[event.pcpu, default: 0] <= event.time, "time goes back on pCPU \(event.pcpu)")
        last[event.pcpu] = event.time
    }

    mutating func append(_ lost: LostRecords) {
        precondition(lost.earliest <= lost.latest, "a loss ends before it begins")
    }

    mutating func comm(_ comm: String) -> UInt32 {
        comms += 1
        return comms - 1
    }
}

/// libFuzzer's own loop; it is called and not linked as `main`, because SwiftPM names that itself.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ run: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

@main
enum FuzzTraceDatMain {
    static func main() {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(runFuzzer(&count, &arguments) { fuzzTraceDat($0, $1) })
    }
}
