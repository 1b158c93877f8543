import Trace

/// Folds the entries into and exits from guests of one CPU into one pair a slice, for `--exits summary`.
///
///     made      entry exit entry exit entry exit      sched_switch
///     kept      entry                       exit      sched_switch
///
/// A slice is what a vCPU's thread does between two task switches, at most a tenth of a second of it. The exit that is
/// kept is the slice's last as it was, but its info1 says how long the slice was in guest mode, ns, and its info2 how
/// many exits it had. An exit for RDPMC ends a slice too: it is the only sign of a guest's RDPMC (VMX exit reason 15,
/// SVM 0x6f).
struct ExitFolding {
    /// Nanoseconds after which the next entry begins a new slice.
    static let longestSlice: UInt64 = 100_000_000
    /// Records after which an exit is kept although nothing has said that it is the last: it must still find its place
    /// among those that the stage holds back.
    static let mostBehind = EventStage.heldBack / 2

    private var thread: Int32 = -1
    private var began: UInt64 = 0
    /// In guest mode since.
    private var entered: UInt64?
    private var guestTime: UInt64 = 0
    private var exits: UInt64 = 0
    private var last: TraceEvent?
    private var behind = 0

    mutating func take(_ event: TraceEvent, into stage: inout EventStage) {
        switch event.kind {
        case .kvmEntry: enter(event, into: &stage)
        case .kvmExit: leave(event, into: &stage)
        case .schedSwitch:
            if event.pid == thread { close(into: &stage) }
            stage.add(event)
        default:
            if last != nil {
                behind += 1
                if behind >= Self.mostBehind { close(into: &stage) }
            }
            stage.add(event)
        }
    }

    /// Ends the slice; its last exit is kept.
    mutating func close(into stage: inout EventStage) {
        if let last { stage.add(last) }
        last = nil
        thread = -1
        entered = nil
    }

    private mutating func enter(_ event: TraceEvent, into stage: inout EventStage) {
        if event.pid == thread, let last, !Self.endsSlice(last), event.time < began + Self.longestSlice {
            self.last = nil
            entered = event.time
            return
        }
        close(into: &stage)
        thread = event.pid
        began = event.time
        entered = event.time
        guestTime = 0
        exits = 0
        stage.add(event)
    }

    private mutating func leave(_ event: TraceEvent, into stage: inout EventStage) {
        guard event.pid == thread, let since = entered else {
            // Its entry is missing: lost, or from before the recording.
            close(into: &stage)
            stage.add(Self.folded(event, guestTime: 0, exits: 1))
            return
        }
        guestTime += event.time >= since ? event.time - since : 0
        exits += 1
        entered = nil
        behind = 0
        last = Self.folded(event, guestTime: guestTime, exits: exits)
    }

    private static func endsSlice(_ exit: TraceEvent) -> Bool {
        (exit.isa == 1 && exit.exitReason & 0xffff == 15) || (exit.isa == 2 && exit.exitReason == 0x6f)
    }

    private static func folded(_ exit: TraceEvent, guestTime: UInt64, exits: UInt64) -> TraceEvent {
        var exit = exit
        exit.value2 = guestTime
        exit.value3 = exits
        return exit
    }
}
