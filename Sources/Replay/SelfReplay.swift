import Host
import PMU
import Policy
import Timeline

/// A replay under the recording policy, compared with what the recording host did.
///
/// The replay sees demand alone; decisions and readings are looked at by the comparison.
public struct SelfReplay: Sendable, Equatable {
    /// Steps (starts and stops of events on counters) that the trace shows, and those the replay made alike.
    public var steps: Int
    public var matchedSteps: Int
    /// Guest reads that the trace shows, and those the replay answered alike.
    public var readings: Int
    public var matchedReadings: Int
    /// The first place where the two part; nil if they agree.
    public var difference: Difference?

    public struct Difference: Sendable, Equatable, Encodable {
        /// ns of the trace's clock.
        public var time: UInt64
        /// Index of the trace event, in merged order.
        public var event: UInt64
        public var pcpu: Int?
        public var what: String
        public var cause: Cause
    }

    /// Whether a difference can be laid at inferred demand's door.
    public enum Cause: String, Sendable, Codable {
        case seen
        case inferredDemand = "inferred demand"
    }

    public var agrees: Bool { difference == nil }

    /// Replays `timeline` under its recording policy and compares.
    public static func check(_ timeline: Timeline) -> SelfReplay {
        var replayer = Replayer(timeline: timeline, rules: timeline.recordedRules, comparing: true)
        replayer.run()
        let checker = replayer.machine.scheduler.sink.checker
        var result = SelfReplay(
            steps: checker == nil ? 0 : timeline.steps.count, matchedSteps: checker?.matched ?? 0,
            readings: timeline.readings.count, matchedReadings: replayer.readingsMatched)
        if let step = checker?.difference {
            result.difference = Difference(
                time: step.time, event: step.event, pcpu: step.pcpu, what: describe(step, timeline),
                cause: cause(step, timeline))
        }
        if let reading = replayer.readingDifference,
            result.difference.map({ reading.reading.event < $0.event }) ?? true
        {
            result.difference = Difference(
                time: reading.reading.time, event: reading.reading.event, pcpu: nil,
                what: describe(reading, timeline), cause: .seen)
        }
        return result
    }

    private static func describe(_ step: StepDifference, _ timeline: Timeline) -> String {
        let recorded = step.recorded.map { recorded in
            let owner =
                recorded.vcpu >= 0
                ? timeline.owner(vcpu: Int(recorded.vcpu))
                : recorded.hostEvent >= 0 ? timeline.owner(hostEvent: Int(recorded.hostEvent)) : "somebody"
            return "\(owner) \(words(recorded.kind)) \(recorded.counter)"
        }
        let replayed = step.replayed.map { replayed in
            let owner =
                switch replayed.owner {
                case .guest(let vcpu, let counter): "\(timeline.owner(vcpu: vcpu)) \(counter)"
                case .host(let index): timeline.owner(hostEvent: index)
                }
            return "\(owner) \(words(replayed.kind)) \(replayed.counter)"
        }
        return "recorded: \(recorded ?? "nothing more"); replayed: \(replayed ?? "nothing more")"
    }

    private static func words(_ kind: RecordedStep.Kind) -> String { kind == .start ? "starts on" : "stops on" }

    private static func describe(_ difference: Replayer.ReadingDifference, _ timeline: Timeline) -> String {
        let register = "0x" + String(difference.reading.register, radix: 16)
        let answer =
            switch difference.replayed {
            case .value(let value): "0x" + String(value, radix: 16)
            case .fault: "#GP"
            case .written, .notAnAccess: "nothing"
            }
        let owner = timeline.owner(vcpu: Int(difference.reading.vcpu))
        return "\(owner) read 0x\(String(difference.reading.value, radix: 16)) from \(register), replayed \(answer)"
    }

    private static func cause(_ step: StepDifference, _ timeline: Timeline) -> Cause {
        var events: [Int] = []
        if let recorded = step.recorded, recorded.hostEvent >= 0 { events.append(Int(recorded.hostEvent)) }
        if let replayed = step.replayed, case .host(let index) = replayed.owner { events.append(index) }
        let hosts = timeline.demand.actors.hostEvents
        return events.contains { hosts[$0].certainty == .ambiguous } ? .inferredDemand : .seen
    }
}
