import Policy
import Timeline

/// What an operation does to series is done to them by its answer.
extension CellMemo {
    func take(_ answer: Answer, _ asked: Question, _ pcpu: Int, _ time: UInt64, _ sink: inout ReplaySink) {
        let first = Int(answer.firstStep)
        take(first..<first + Int(answer.stepCount), asked.event, Int(asked.vcpu), pcpu, time, &sink)
    }

    /// Takes steps on series of `vcpu` and `pcpu`. `event` is the one that comes in, if any.
    func take(
        _ numbers: Range<Int>, _ event: UInt64, _ vcpu: Int, _ pcpu: Int, _ time: UInt64, _ sink: inout ReplaySink
    ) {
        let clock = sink.clocks.now(.guest(vcpu), time)
        var incoming: Int32 = -1
        for number in numbers {
            let step = steps[number]
            if step.kind == .rebind {
                bindings.rebind(EventBindings.place(vcpu, Int(step.series)), step.config, (event, incoming))
                continue
            }
            var one = -1
            var (now, wall) = (clock, clock)
            var config = step.config
            if step.series < 0 {
                one = Int(ownSeries[pcpu][Int(-1 - step.series)])
                now = sink.clocks.now(sink.series[one].axis, time)
                wall = sink.clocks.now(sink.series[one].timeAxis, time)
            } else if step.series >= .firstShape {
                one = series(shape: Int(step.series - .firstShape), vcpu, time, &sink)
            } else {
                if Int(step.series & 7) == EventBindings.incoming {
                    if incoming < 0 {
                        incoming = Int32(sink.seriesNumber(vcpu, Int(step.series >> 3), event, time))
                        incomers.keep(incoming, vcpu, Int(step.series >> 3), event)
                    }
                    one = Int(incoming)
                } else {
                    one = series(step.series, vcpu, pcpu)
                    if one < 0 { one = makeSeries(step.series, vcpu, time, &sink) }
                }
                config |= sink.series[one].config
            }
            switch step.kind {
            case .exists, .rebind: break
            case .close:
                sink.series[one].halt(now, clock: wall)
                if sink.series[one].from.count > ReplaySink.stretchesKept { sink.fold(one) }
            case .open, .openCrossMapped:
                let isNumbered = step.series >= 0 && step.series < .firstShape
                sink.series[one].run(
                    now, clock: wall, event: 0, config: config,
                    most: isNumbered ? sink.series[one].most : sink.most(config),
                    crossMapped: step.kind == .openCrossMapped)
            case .enable: sink.series[one].enable(wall)
            case .disable: sink.series[one].disable(wall)
            case .take: sink.takenFrom[pcpu].append((one, wall))
            case .giveBack:
                if let place = sink.takenFrom[pcpu].firstIndex(where: { $0.series == one }) {
                    let since = sink.takenFrom[pcpu].remove(at: place).from
                    sink.series[one].wasBlind(from: since, to: wall)
                }
            }
        }
    }

    /// Takes the steps that need nobody but series of the guest's that are there; answers the number of the first one
    /// that was not taken. They are taken as `take` does.
    @inline(__always)
    static func takePlain(
        _ numbers: Range<Int>, _ steps: UnsafePointer<SeriesStep>, _ series: UnsafeMutablePointer<SeriesState>,
        _ known: borrowing KnownSeries, event: UInt64, clock: UInt64
    ) -> Int {
        var incoming: Int32 = -1
        for number in numbers {
            let step = steps + number
            let name = step.pointee.series
            if step.pointee.kind == .rebind {
                known.bindings.rebind(
                    EventBindings.place(known.vcpu, Int(name)), step.pointee.config, (event, incoming))
                continue
            }
            let one: Int32
            if name < 0 { return number }
            if name >= .firstShape {
                let shape = Int(name &- .firstShape)
                one = shape < known.shapes.count ? known.shapes[shape] : -1
            } else if Int(name & 7) == EventBindings.incoming {
                if incoming < 0 { incoming = known.incomers.series(known.vcpu, Int(name &>> 3), event) }
                one = incoming
            } else {
                one = known.bindings.series[EventBindings.place(known.vcpu, Int(name &>> 3)) &+ Int(name & 7)]
            }
            if one < 0 { return number }
            let state = series + Int(one)
            switch step.pointee.kind {
            case .exists: break
            case .close: state.pointee.halt(clock, clock: clock)
            case .enable: state.pointee.enable(clock)
            case .disable: state.pointee.disable(clock)
            case .open, .openCrossMapped:
                let isNumbered = name < .firstShape
                state.pointee.run(
                    clock, clock: clock, event: 0,
                    config: isNumbered ? step.pointee.config | state.pointee.config : step.pointee.config,
                    most: isNumbered ? state.pointee.most : step.pointee.most,
                    crossMapped: step.pointee.kind == .openCrossMapped)
            case .take, .giveBack, .rebind: return number
            }
        }
        return numbers.upperBound
    }

    /// The series of a numbered event, made where there is none.
    private func makeSeries(_ name: SeriesName, _ vcpu: Int, _ time: UInt64, _ sink: inout ReplaySink) -> Int {
        let place = EventBindings.place(vcpu, Int(name >> 3)) + Int(name & 7)
        let one = sink.seriesNumber(vcpu, Int(name >> 3), bindings.events[place], time)
        bindings.series[place] = Int32(one)
        return one
    }

    /// The series of a shape, made where there is none.
    private func series(shape number: Int, _ vcpu: Int, _ time: UInt64, _ sink: inout ReplaySink) -> Int {
        if number < series[vcpu].count, series[vcpu][number] >= 0 { return Int(series[vcpu][number]) }
        let shape = shapes[number]
        let one = sink.seriesNumber(vcpu, Int(shape.counter), shape.config, time)
        note(one, number, vcpu)
        return one
    }

    func note(_ number: Int, _ shape: Int, _ vcpu: Int) {
        while series[vcpu].count <= shape { series[vcpu].append(-1) }
        series[vcpu][shape] = Int32(number)
    }
}

/// Where the series of a vCPU are found that are there.
struct KnownSeries {
    let vcpu: Int
    let bindings: EventBindings
    let incomers: IncomerCache
    /// By shape, -1 for none.
    let shapes: ContiguousArray<Int32>
}

extension ReplaySink {
    /// The series of a guest's counter with an event, at `time` if it is new.
    fileprivate mutating func seriesNumber(_ vcpu: Int, _ counter: Int, _ event: UInt64, _ time: UInt64) -> Int {
        now = time
        return seriesNumber(GuestEvent(vcpu: Int32(vcpu), counter: UInt8(counter), config: event))
    }
}
