import Host
import Policy
import Timeline

/// Task switches: a cell becomes two, a vCPU that is nowhere and a pCPU without one, and two become one.
extension CellMemo {
    /// The thread of `vcpu` is switched to on `pcpu`. Whoever was current there, and it itself elsewhere, is switched
    /// out before: the machine does so too where a switch does not show. False where its cell is not known.
    func switchIn(_ replayer: inout Replayer, _ vcpu: Int, _ pcpu: Int, _ time: UInt64) -> Bool {
        if placeOf[vcpu] >= 0 { switchOut(&replayer, Int(placeOf[vcpu]), time) }
        if places[pcpu].vcpu >= 0 { switchOut(&replayer, pcpu, time) }
        passTime(&replayer, pcpu, time)
        if places[pcpu].cell < 0 { places[pcpu].cell = number(&replayer, vcpu: nil, pcpu: pcpu) }
        if parked[vcpu].cell < 0 { parked[vcpu].cell = number(&replayer, vcpu: vcpu, pcpu: nil) }
        let operation = DemandOperation(time: time, pcpu: Int32(pcpu), kind: .taskSwitch(to: .vcpu(Int32(vcpu))))
        let (bare, vcpuCell) = (places[pcpu].cell, parked[vcpu].cell)
        placeOf[vcpu] = Int32(pcpu)
        guard bare >= 0, vcpuCell >= 0 else {
            follow(&replayer, pcpu)
            follow(&replayer, parked: vcpu)
            replayer.step(operation, 0, nil)
            parked[vcpu] = Place()
            settle(&replayer, vcpu, pcpu)
            return places[pcpu].cell >= 0
        }
        var asked = Question(.switchIn, vcpu: vcpu, value: UInt64(vcpuCell))
        asked.number = numbers.number(of: asked)
        guard let answer = answers.answer(bare, asked.number)?.pointee else {
            learnSwitchIn(&replayer, operation, asked)
            return places[pcpu].cell >= 0
        }
        used[vcpu] = answer.used(before: used[vcpu])
        replayer.machine.scheduler.sink.clocks.take(operation)
        parked[vcpu] = Place()
        places[pcpu] = Place(vcpu: Int32(vcpu), cell: answer.next, isAhead: true)
        charge(answer, vcpu)
        if answer.stepCount > 0 { take(answer, asked, pcpu, time, &replayer.machine.scheduler.sink) }
        return true
    }

    /// Nobody's thread is current on `pcpu` any more.
    func switchOut(_ replayer: inout Replayer, _ pcpu: Int, _ time: UInt64) {
        passTime(&replayer, pcpu, time)
        let operation = DemandOperation(time: time, pcpu: Int32(pcpu), kind: .taskSwitch(to: .other))
        let (vcpu, cell) = (Int(places[pcpu].vcpu), places[pcpu].cell)
        placeOf[vcpu] = -1
        guard cell >= 0 else {
            replayer.step(operation, 0, nil)
            places[pcpu] = Place()
            parked[vcpu] = Place()
            return
        }
        // What was used in the slice is part of the vCPU's own cell.
        var asked = Question(.switchOut, vcpu: vcpu, value: used[vcpu])
        asked.number = numbers.number(of: asked)
        guard let answer = answers.answer(cell, asked.number)?.pointee else {
            return learnSwitchOut(&replayer, operation, asked)
        }
        replayer.machine.scheduler.sink.clocks.take(operation)
        charge(answer, vcpu)
        if answer.stepCount > 0 { take(answer, asked, pcpu, time, &replayer.machine.scheduler.sink) }
        places[pcpu] = Place(vcpu: -1, cell: answer.next, isAhead: true)
        parked[vcpu] = Place(vcpu: -1, cell: answer.parked, isAhead: true)
    }

    /// `vcpu` is current on `pcpu`, and the machine is there.
    func settle(_ replayer: inout Replayer, _ vcpu: Int, _ pcpu: Int) {
        used[vcpu] = replayer.machine.inUse(vcpu: vcpu)
        places[pcpu] = Place(vcpu: Int32(vcpu), cell: number(&replayer, vcpu: vcpu, pcpu: pcpu))
        placeOf[vcpu] = Int32(pcpu)
    }
}
