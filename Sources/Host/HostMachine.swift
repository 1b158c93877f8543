import PMU
import Policy

/// A simulated host: KVM's rules on top of a counter scheduler.
///
/// Demand goes in one operation at a time; steps come out of the scheduler's sink: a `TrafficDriver` makes them
/// register accesses (what a recorder would have seen), a replay integrates them to counts.
public struct HostMachine<Sink: PMUSink> {
    public var scheduler: CounterScheduler<Sink>
    public let model: ProcessorModel
    public let actors: Demand.Actors

    public init(model: ProcessorModel, rules: PolicyRules, actors: Demand.Actors, sink: Sink) {
        self.model = model
        self.actors = actors
        scheduler = CounterScheduler(
            pcpus: actors.pcpus, limits: .init(gp: model.gp, fixed: model.fixed), rules: rules, sink: sink)
    }
}
