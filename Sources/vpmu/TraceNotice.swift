import Foundation
import Trace

/// What a command says on standard error of a trace that is not whole.
enum TraceNotice {
    static func complain(about reader: TraceReader) {
        if !reader.isComplete {
            let tail = reader.unfinishedTail
            let offset = tail?.range.lowerBound ?? reader.size
            let reason = tail?.reason ?? "the end mark is missing"
            say(
                "\(reader.path): offset \(offset): unfinished: \(reason); all before it is used, `vpmu salvage` makes it whole"
            )
        }
        complain(about: reader.damage, in: reader.path)
    }

    static func complain(about damage: [TraceDamage], in path: String) {
        for piece in damage {
            say("\(path): offset \(piece.range.lowerBound): damaged: \(piece.reason); `vpmu salvage` keeps the rest")
        }
    }

    private static func say(_ line: String) {
        FileHandle.standardError.write(Data("vpmu: \(line)\n".utf8))
    }
}
