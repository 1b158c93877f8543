import Policy
import Timeline

extension Replayer {
    /// How long each vCPU's counters are silent under `rules`, summed over its counters, ns of its guest time; by the
    /// demand's vCPUs. The counts themselves are not worked out.
    public static func silence(_ timeline: Timeline, under rules: PolicyRules) -> [UInt64] {
        var replayer = Replayer(timeline: timeline, rules: rules, ticks: .own)
        replayer.run()
        var silent = [UInt64](repeating: 0, count: timeline.demand.actors.vcpus.count)
        for state in replayer.machine.scheduler.sink.series {
            guard case .guest(let vcpu, _) = state.owner, state.enabledNs > state.runningNs else { continue }
            silent[vcpu] += state.enabledNs - state.runningNs
        }
        return silent
    }
}
