import PMU
import Policy

/// Compares the starts and stops of a machine with recorded ones, pCPU by pCPU, as they come.
///
/// While they agree it also learns whose each recorded step was.
public struct DecisionChecker: PMUSink {
    private let steps: [RecordedStep]
    /// Numbers of each pCPU's steps, in order.
    private let lanes: [[Int32]]
    private var cursors: [Int]
    private var specs: [EventSpec] = []
    /// The event on each physical counter: pCPU * 64 + counter.
    private var holders: [Int32]
    private var images: [GuestRegisters] = []
    /// Counters of the guest that each pCPU was loaded with.
    private var loaded: [UInt64]
    private var loadedVCPU: [Int]
    private let flavour: Flavour
    /// Whose each recorded step was, as far as it agreed.
    public private(set) var owners: [EventOwner?]
    /// Index of the trace event that the operation at hand came from, and of the next one on the same pCPU.
    public var window: (previous: UInt64, next: UInt64) = (0, .max)
    public var operation = 0
    /// The operation at hand happened before the trace began, which therefore does not show what it did.
    public var isBeforeTrace = false
    public private(set) var matched = 0
    public private(set) var difference: StepDifference?
    /// Whether the place of a step among the operations is compared, too.
    private let place: PlaceComparison

    public enum PlaceComparison: Sendable { case ignored, compared }

    public init(steps: [RecordedStep], pcpus: Int, flavour: Flavour, place: PlaceComparison) {
        self.steps = steps
        self.flavour = flavour
        loaded = [UInt64](repeating: 0, count: pcpus)
        loadedVCPU = [Int](repeating: -1, count: pcpus)
        self.place = place
        var lanes = [[Int32]](repeating: [], count: pcpus)
        for (number, step) in steps.enumerated() where Int(step.pcpu) < pcpus {
            lanes[Int(step.pcpu)].append(Int32(number))
        }
        self.lanes = lanes
        cursors = [Int](repeating: 0, count: pcpus)
        holders = [Int32](repeating: -1, count: pcpus * 64)
        owners = [EventOwner?](repeating: nil, count: steps.count)
    }

    public mutating func created(event: EventID, spec: EventSpec) { specs.append(spec) }

    public mutating func start(pcpu: Int, event: EventID, counter: Int) {
        holders[pcpu * 64 + counter] = Int32(event)
        compare(pcpu, event, counter, .start)
    }

    public mutating func stop(pcpu: Int, event: EventID, counter: Int) {
        holders[pcpu * 64 + counter] = -1
        compare(pcpu, event, counter, .stop)
    }

    public mutating func guestRegisters(vcpu: Int, registers: GuestRegisters) {
        while images.count <= vcpu { images.append(GuestRegisters()) }
        images[vcpu] = registers
    }

    /// A load's traffic shows the guest's own controls. Intel's GLOBAL_CTRL travels unseen.
    public mutating func guestLoaded(pcpu: Int, vcpu: Int, counters: UInt64) {
        guard images.indices.contains(vcpu) else { return }
        for index in 0..<64 {
            let counter = Counter(index: UInt8(index))
            guard let slot = GuestRegisters.slot(of: counter), images[vcpu].isLocallyEnabled(slot: slot) else {
                continue
            }
            if flavour == .amdV2, images[vcpu].globalControl & counter.bit == 0 { continue }
            var config = EventSelect.withoutModes(images[vcpu].eventSelect[slot])
            if counter.isFixed {
                config |= FixedControl.privileges(of: images[vcpu].fixedField(counter.number))
            }
            loaded[pcpu] |= counter.bit
            compare(pcpu, .guest(vcpu: vcpu, counter: counter), config, .host, index, .start)
        }
        loadedVCPU[pcpu] = vcpu
    }

    public mutating func guestPut(pcpu: Int, vcpu: Int, counters: UInt64) {
        var bits = loaded[pcpu]
        loaded[pcpu] = 0
        while bits != 0 {
            let index = bits.trailingZeroBitCount
            bits &= bits - 1
            compare(
                pcpu, .guest(vcpu: vcpu, counter: Counter(index: UInt8(index))), nil, .host, index, .stop)
        }
    }

    public mutating func guestChanged(pcpu: Int, vcpu: Int, from: UInt64, to: UInt64) {}

    /// Who holds a physical counter, by the machine's account.
    public func holder(pcpu: Int, counter: Counter) -> EventOwner? {
        if loaded[pcpu] & counter.bit != 0 { return .guest(vcpu: loadedVCPU[pcpu], counter: counter) }
        let event = holders[pcpu * 64 + Int(counter.index)]
        return event < 0 ? nil : specs[Int(event)].owner
    }

    /// Recorded steps that the machine never made are differences, too.
    public mutating func finish() {
        guard difference == nil else { return }
        for (pcpu, lane) in lanes.enumerated() where cursors[pcpu] < lane.count {
            let number = Int(lane[cursors[pcpu]])
            let step = steps[number]
            if difference.map({ $0.event > step.event }) ?? true {
                difference = StepDifference(
                    time: step.time, event: step.event, pcpu: pcpu, recorded: step, replayed: nil,
                    operation: operation)
            }
        }
    }

    private mutating func compare(_ pcpu: Int, _ event: EventID, _ counter: Int, _ kind: RecordedStep.Kind) {
        let spec = specs[event]
        compare(pcpu, spec.owner, spec.config, spec.exclusion, counter, kind)
    }

    private mutating func compare(
        _ pcpu: Int, _ owner: EventOwner, _ config: UInt64?, _ exclusion: EventSpec.Exclusion, _ counter: Int,
        _ kind: RecordedStep.Kind
    ) {
        guard difference == nil, !isBeforeTrace else { return }
        let made = StepDifference.Replayed(
            counter: Counter(index: UInt8(counter)), kind: kind, config: config ?? 0, owner: owner)
        guard cursors[pcpu] < lanes[pcpu].count else {
            let last = lanes[pcpu].last.map { steps[Int($0)] }
            difference = StepDifference(
                time: last?.time ?? 0, event: window.previous, pcpu: pcpu, recorded: nil, replayed: made,
                operation: operation)
            return
        }
        let number = Int(lanes[pcpu][cursors[pcpu]])
        let step = steps[number]
        let isInPlace = place == .ignored || step.event >= window.previous && step.event <= window.next
        let sameConfig =
            config == nil || step.config == 0 || EventSelect.bare(step.config) == EventSelect.bare(config ?? 0)
        guard isInPlace, step.kind == kind, Int(step.counter.index) == counter,
            sameConfig, (step.exclusion == .host) == (exclusion == .host), agrees(step, owner)
        else {
            difference = StepDifference(
                time: step.time, event: step.event, pcpu: pcpu, recorded: step, replayed: made, operation: operation)
            return
        }
        owners[number] = owner
        cursors[pcpu] += 1
        matched += 1
    }

    private func agrees(_ step: RecordedStep, _ owner: EventOwner) -> Bool {
        switch owner {
        case .guest(let vcpu, _): step.vcpu < 0 && step.hostEvent < 0 || Int(step.vcpu) == vcpu
        // Which of two like events it was is Timeline's reading, not the traffic's.
        case .host: step.vcpu < 0
        }
    }
}

/// The first place at which a machine did something else than the recording host.
public struct StepDifference: Sendable, Equatable {
    public var time: UInt64
    /// Index of the trace event, in merged order, at which the two part.
    public var event: UInt64
    public var pcpu: Int
    /// nil where the machine did more than was recorded.
    public var recorded: RecordedStep?
    /// nil where the machine did less.
    public var replayed: Replayed?
    /// Index of the operation at hand.
    public var operation: Int

    public struct Replayed: Sendable, Equatable {
        public var counter: Counter
        public var kind: RecordedStep.Kind
        public var config: UInt64
        public var owner: EventOwner
    }
}
