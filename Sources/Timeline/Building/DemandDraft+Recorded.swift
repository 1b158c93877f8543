import Host
import PMU
import Policy
import Trace

/// What guests and the scheduler were recorded to do.
extension DemandDraft {
    mutating func addRecorded() {
        var current = [DemandOperation.Thread](repeating: .other, count: builder.highestPCPU + 1)
        var arrivals = ThreadArrivals()
        let places = arrivals.places(of: builder.raw[...])
        let hidesGlobalControl = DemandDraft.hidesGlobalControl(builder)
        var globallyOn: Set<Int32> = []
        for (number, event) in builder.raw.enumerated() {
            let pcpu = Int32(event.pcpu)
            func add(_ kind: DemandOperation.Kind) {
                self.add(event.index, 0, event.time, pcpu, kind, before: places[number])
            }
            if event.kind == .switched {
                let next = thread(event.other, event.time)
                if next != .other || current[Int(pcpu)] != .other { add(.taskSwitch(to: next)) }
                current[Int(pcpu)] = next
                continue
            }
            guard let vcpu = table.vcpu(of: event.thread, at: event.time, actsForGuests: true) else { continue }
            current[Int(pcpu)] = .vcpu(vcpu)
            if hidesGlobalControl, !event.kind.isTransition, globallyOn.insert(vcpu).inserted {
                let all = GuestPMUShape(host: builder.model).allCounters
                add(.guestWrite(vcpu: vcpu, register: MSR.globalControl, value: all, faulted: false))
            }
            switch event.kind {
            case .entered: add(.guestEnter(vcpu: vcpu))
            case .exited: add(.guestExit(vcpu: vcpu, reentersFast: false))
            case .exitedForRDPMC:
                add(.guestExit(vcpu: vcpu, reentersFast: false))
                add(.guestReadPMC(vcpu: vcpu))
            case .wrote, .writeFaulted:
                add(
                    .guestWrite(
                        vcpu: vcpu, register: event.register, value: event.value,
                        faulted: event.kind == .writeFaulted))
            case .read, .readFaulted:
                if event.kind == .read { readValues[event.index] = event.value }
                add(.guestRead(vcpu: vcpu, register: event.register, faulted: event.kind == .readFaulted))
            case .switched: break
            }
        }
    }

    /// A mediated guest writes AMD's GLOBAL_CTL unseen; the next load shows it. Counters that were turned on were so
    /// right after the last entry, counters turned off right before the last exit, as guests do it around their writes
    /// of event selects.
    mutating func addGlobalImages() {
        guard !builder.reader.globalImages.isEmpty else { return }
        var known: [Int32: UInt64] = [:]
        var entered: [Int32: TimelineBuilder.RawEvent] = [:]
        var exited: [Int32: TimelineBuilder.RawEvent] = [:]
        var next = 0
        for image in builder.reader.globalImages {
            while next < builder.raw.count, builder.raw[next].index < image.event {
                let event = builder.raw[next]
                next += 1
                switch event.kind {
                case .entered: entered[event.thread] = event
                case .exited, .exitedForRDPMC: exited[event.thread] = event
                default: break
                }
            }
            guard let vcpu = table.vcpu(of: image.thread, at: image.time, actsForGuests: true) else { continue }
            let before = known[vcpu] ?? GuestPMUShape(host: builder.model).allCounters
            known[vcpu] = image.value
            if before == image.value { continue }
            let write = DemandOperation.Kind.guestWrite(
                vcpu: vcpu, register: MSR.amdGlobalControl, value: image.value, faulted: false)
            if image.value & ~before != 0, let entry = entered[image.thread] {
                add(entry.index, 1, entry.time, Int32(entry.pcpu), write)
            } else if let exit = exited[image.thread] {
                add(exit.index, -1, exit.time, Int32(exit.pcpu), write)
            } else if let first = builder.raw.first(where: { $0.thread == image.thread && $0.kind == .entered }) {
                add(first.index, -1, first.time, Int32(first.pcpu), write)
            }
        }
    }

    /// A mediated guest that sees every counter writes GLOBAL_CTRL without leaving (`kvm_need_any_pmc_intercept()`,
    /// arch/x86/kvm/pmu.c, 7.x): it is taken to have turned on what its other controls turn on.
    static func hidesGlobalControl(_ builder: TimelineBuilder) -> Bool {
        builder.model.flavour == .intel && builder.recordedRules.guests == .mediated
            && !(builder.survey?.writesGlobalControl ?? false)
            && !builder.raw.contains { $0.kind == .wrote && $0.register == MSR.globalControl }
    }

    mutating func thread(_ thread: Int32, _ time: UInt64) -> DemandOperation.Thread {
        if let vcpu = table.vcpu(of: thread, at: time) { return .vcpu(vcpu) }
        let use = builder.attribution.use(of: thread, at: time)
        if let task = taskOfUse[ThreadUse(thread: thread, use: use)] { return .hostTask(Int32(task)) }
        return .other
    }
}
