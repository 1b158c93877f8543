import Glibc
import Import
import Trace

/// Bytes behind the magic of perf.data; the first decides between file and pipe mode.
private func fuzzPerfData(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    let input = UnsafeBufferPointer(start: data, count: size)
    guard let mode = input.first else { return 0 }
    var bytes = Array("PERFILE2".utf8)
    if mode % 2 == 0 { bytes += [16, 0, 0, 0, 0, 0, 0, 0] }
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
enum FuzzPerfDataMain {
    static func main() {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(runFuzzer(&count, &arguments) { fuzzPerfData($0, $1) })
    }
}
