import Glibc
import Import
import Trace

/// Text of tracers, or the JSON of `vpmu dump --json` where it begins with a brace.
private func fuzzText(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    importing(Array(UnsafeBufferPointer(start: data, count: size)))
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
enum FuzzTextMain {
    static func main() {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(runFuzzer(&count, &arguments) { fuzzText($0, $1) })
    }
}
