import Glibc
import Import
import PolicyFile
import Scenario
import Trace

/// Everything that reads files, by the name of its fuzz target; tests run the corpus through the same code.
///
/// A promise that is broken ends the process, which is what a fuzzer looks for: only the errors that a reader announces
/// may come.
public enum FuzzTarget: String, CaseIterable, Sendable {
    case perfData = "FuzzPerfData"
    case traceDat = "FuzzTraceDat"
    case text = "FuzzText"
    case trace = "FuzzTrace"
    case policy = "FuzzPolicy"
    case scenario = "FuzzScenario"

    public func run(_ bytes: [UInt8]) {
        switch self {
        case .perfData, .traceDat, .text: Self.importing(input(bytes))
        case .trace: Self.reading(input(bytes))
        case .policy:
            do { _ = try PolicyFile.decode(String(decoding: bytes, as: UTF8.self), file: "policy") } catch {
                precondition(!"\(error)".contains("\n"), "an error of more than one line")
            }
        case .scenario:
            do { _ = try ScenarioReader.read(text: String(decoding: bytes, as: UTF8.self), file: "scenario") } catch {
                precondition(!"\(error)".contains("\n"), "an error of more than one line")
            }
        }
    }

    /// The file that the fuzzer's bytes stand for: magic numbers and checksums are put in, so that the first byte that
    /// matters is one that the fuzzer chose.
    public func input(_ bytes: [UInt8]) -> [UInt8] {
        guard let mode = bytes.first else { return [] }
        switch self {
        case .text, .policy, .scenario: return bytes
        case .perfData:
            return Array("PERFILE2".utf8) + (mode % 2 == 0 ? [16, 0, 0, 0, 0, 0, 0, 0] : []) + bytes.dropFirst()
        case .traceDat:
            // Version, little endian, 8 bytes a long, pages of 4096 bytes.
            var head: [UInt8] = [0x17, 0x08, 0x44] + Array("tracing".utf8)
            head += [mode % 2 == 0 ? 0x36 : 0x37, 0, 0, 8, 0, 0x10, 0, 0]
            switch mode % 8 {
            case 1: head += Array("zstd\u{0}1\u{0}".utf8)
            case 3: head += Array("none\u{0}\u{0}".utf8)
            default: break
            }
            return head + bytes.dropFirst()
        case .trace: return FramePieces.file(bytes)
        }
    }

    // MARK: What is tried

    private static func importing(_ bytes: [UInt8]) {
        do {
            let (sink, summary, _) = try Importer().run(ImportInput(bytes: bytes)) { _ in CheckingSink() }
            precondition(sink.events == summary.takenTotal, "records counted and records handed on differ")
        } catch is ImportError {
            return
        } catch {
            preconditionFailure("an error of no kind that an importer throws: \(error)")
        }
    }

    private static func reading(_ bytes: [UInt8]) {
        let input = ScratchFile(bytes)
        let whole = try? TraceVerification(path: input.path)
        do {
            let reader = try TraceReader(path: input.path)
            _ = try TraceInfo(reader).json()
            var last: [UInt16: UInt64] = [:]
            let damage = try reader.forEachEvent(in: 0...UInt64.max, pcpus: nil, onDamage: .skip) { event, _ in
                precondition(last[event.pcpu, default: 0] <= event.time, "time goes back on pCPU \(event.pcpu)")
                last[event.pcpu] = event.time
            }
            if let whole, whole.isGood { precondition(damage.isEmpty, "verified, and yet damaged: \(damage)") }
            var dump = TraceDump(reader, format: .json)
            try dump.run(onDamage: .skip) { _ in }
        } catch is TraceError {
        } catch {
            preconditionFailure("an error of no kind that a reader throws: \(error)")
        }
        let output = ScratchFile([])
        do {
            _ = try TraceSalvage(from: input.path, to: output.path, existing: .replace)
        } catch is TraceError {
            return
        } catch {
            preconditionFailure("an error of no kind that salvage throws: \(error)")
        }
        let salvaged = try? TraceVerification(path: output.path)
        precondition(salvaged?.isGood == true, "what was salvaged is not good: \(salvaged?.lines ?? ["unreadable"])")
    }
}

/// Checks the promise of every sink: the records of a pCPU come in rising time.
private struct CheckingSink: TraceSink {
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
