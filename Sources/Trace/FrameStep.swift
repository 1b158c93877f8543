/// One step on the way through a file, frame by frame.
enum FrameStep {
    case frame(Frame)
    /// Bytes that hold no readable frame, with one after them.
    case damage(TraceDamage)
    /// Bytes that hold no readable frame, up to the end of the file.
    case tail(TraceDamage)
}

extension FrameFile {
    /// Calls `body` for every frame from `start` to the end of the file, and for the bytes between that are none.
    func walk(from start: UInt64, _ body: (FrameStep) throws(TraceError) -> Void) throws(TraceError) {
        var at = start
        while at < file.size {
            let reason: String
            switch try frame(at: at) {
            case .frame(let frame):
                try body(.frame(frame))
                at = frame.end
                continue
            case .short: reason = "the file ends inside a frame"
            case .newerVersion(let version): reason = "a frame of format version \(version)"
            case .invalid(let why): reason = why
            }
            guard let next = try nextFrame(from: at + 1) else {
                try body(.tail(.init(range: at..<file.size, reason: reason)))
                return
            }
            try body(.damage(.init(range: at..<next.offset, reason: reason)))
            at = next.offset
        }
    }
}
