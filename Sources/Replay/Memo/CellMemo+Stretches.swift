import Host
import Timeline

/// What a block's token asks.
struct TokenQuestion {
    /// The number of its question, without that of an event; -1 where it has none.
    var number: Int32 = -1
    /// The GP counter whose event select it writes, where the event goes by its number; else -1.
    var slot: Int32 = -1
    var event = EventBindings.none
    /// The bits of an event's own value that must be 0 for the question to be this one.
    var open: UInt64 = 0
    /// Questions that come often have one of a few columns, in which cells note that nothing comes of them; -1 for
    /// none.
    var column: Int8 = -1
    var isDemand = false
}

/// Which block's tokens a table is of, and for which vCPUs.
struct TokenTableKey: Equatable {
    var block: ObjectIdentifier
    var serial: Int
    var vcpus: Int
}

/// Accesses played straight from a block's tokens.
extension CellMemo {
    /// Plays the accesses of one vCPU on one pCPU.
    func play(_ replayer: inout Replayer, _ stretch: LaneBatch.Stretch, _ block: DemandBlock) {
        let (pcpu, vcpu) = (Int(stretch.pcpu), Int(stretch.vcpu))
        var at = Int(stretch.start)
        let end = Int(stretch.end)
        while at < end {
            guard block.isDemand(Int(block.columns.tokens[at])) else {
                at += 1
                continue
            }
            passTime(&replayer, pcpu, block.columns.times[at])
            if places[pcpu].vcpu != stretch.vcpu || places[pcpu].cell < 0 {
                guard arrive(&replayer, block.operation(at, stretch.vcpu), vcpu) else {
                    at += 1
                    continue
                }
            }
            let table = tokens(block, pcpu, vcpu, &replayer)
            let due = replayer.nextTick(of: pcpu)
            let limit = due == .max ? end : block.firstAtOrAfter(due, in: at..<end)
            let answered = answer(at..<limit, pcpu, vcpu, block, table, &replayer.machine.scheduler.sink)
            at = answered.at
            if !answered.left.isEmpty {
                let token = table[Int(block.columns.tokens[at - 1])]
                take(
                    answered.left, token.event, vcpu, pcpu, block.columns.times[at - 1],
                    &replayer.machine.scheduler.sink)
                continue
            }
            if at == limit { continue }
            let operation = block.operation(at, stretch.vcpu)
            guard var asked = Question(operation, registers) else { continue }
            name(&asked, &replayer)
            // Its answer may be known: what its value is was not to be seen from its token.
            if let answer = answers.answer(places[pcpu].cell, asked.number)?.pointee {
                go(answer, asked, pcpu, operation.time, &replayer.machine.scheduler.sink)
            } else {
                learn(&replayer, operation, asked)
            }
            at += 1
        }
    }

    /// How far accesses were answered: up to `at`, of which the steps that are left must be taken yet.
    private struct Answered {
        var at: Int
        var left: Range<Int> = 0..<0
    }

    /// Answers accesses as long as their tokens say what they ask, that is known, and its steps are plain.
    private func answer(
        _ range: Range<Int>, _ pcpu: Int, _ vcpu: Int, _ block: DemandBlock, _ table: UnsafePointer<TokenQuestion>,
        _ sink: inout ReplaySink
    ) -> Answered {
        let (tokens, times, values) = (block.columns.tokens, block.columns.times, block.columns.values)
        let (idle, columnCosts, columnUses, bindings) = (idle, columnCosts, columnUses, bindings)
        let hits = hits + vcpu &* mostCosts
        let bound = EventBindings.place(vcpu, 0)
        let answers = answers
        let known = KnownSeries(vcpu: vcpu, bindings: bindings, incomers: incomers, shapes: series[vcpu])
        let clock = sink.clocks.reading(guest: vcpu)
        let series = sink.series.ownMemory()
        let steps = UnsafePointer(steps.ownMemory())
        var cell = places[pcpu].cell
        var used = used[vcpu]
        var reached = Answered(at: range.lowerBound)
        var isAhead = false
        var last: UnsafeMutablePointer<Answer>?
        while reached.at < range.upperBound {
            let at = reached.at
            let token = table + Int(tokens[at])
            let column = Int(token.pointee.column)
            if values[at] & token.pointee.open != 0 { break }
            if column >= 0, idle[Int(cell)] &>> UInt64(truncatingIfNeeded: column) & 1 != 0 {
                hits[Int(columnCosts[column])] &+= 1
                used |= columnUses[column]
                // The cell is the same, but the machine does not know what is in use.
                isAhead = true
                reached.at = at &+ 1
                continue
            }
            var number = token.pointee.number
            if token.pointee.slot >= 0 {
                let place = bound &+ Int(token.pointee.slot) &* EventBindings.most
                number &+= Int32(truncatingIfNeeded: bindings.number(of: token.pointee.event, at: place))
            }
            if number < 0 {
                if token.pointee.isDemand { break }
                reached.at = at &+ 1
                continue
            }
            guard let answer = answers.answer(cell, number, after: last) else { break }
            last = answer
            isAhead = true
            hits[Int(answer.pointee.cost)] &+= 1
            used = answer.pointee.used(before: used)
            let count = Int(answer.pointee.stepCount)
            if count == 0, answer.pointee.next == cell, column >= 0 { noteIdle(answer.pointee, column) }
            cell = answer.pointee.next
            reached.at = at &+ 1
            if count > 0 {
                let first = Int(answer.pointee.firstStep)
                let all = first..<first &+ count
                let taken = CellMemo.takePlain(
                    all, steps, series, known, event: token.pointee.event, clock: clock.now(times[at]))
                if taken < all.upperBound {
                    reached.left = taken..<all.upperBound
                    break
                }
            }
        }
        places[pcpu].cell = cell
        if isAhead { places[pcpu].isAhead = true }
        self.used[vcpu] = used
        return reached
    }

    /// A known answer comes to pass.
    private func go(_ answer: Answer, _ asked: Question, _ pcpu: Int, _ time: UInt64, _ sink: inout ReplaySink) {
        let vcpu = Int(asked.vcpu)
        places[pcpu].isAhead = true
        places[pcpu].cell = answer.next
        hits[vcpu &* mostCosts &+ Int(answer.cost)] &+= 1
        used[vcpu] = answer.used(before: used[vcpu])
        if answer.stepCount > 0 { take(answer, asked, pcpu, time, &sink) }
    }

    /// An answer that changes nothing, to a question of a column.
    private func noteIdle(_ answer: Answer, _ column: Int) {
        if answer.used & Answer.replacesUsed != 0 { return }
        if columnCosts[column] < 0 { (columnCosts[column], columnUses[column]) = (answer.cost, answer.used) }
        if columnCosts[column] == answer.cost, columnUses[column] == answer.used {
            idle[Int(answer.cell)] |= 1 << UInt64(column)
        }
    }

    /// What each token of a block asks of a vCPU on `pcpu`; kept as long as the pCPU stays in the block.
    private func tokens(
        _ block: DemandBlock, _ pcpu: Int, _ vcpu: Int, _ replayer: inout Replayer
    ) -> UnsafePointer<TokenQuestion> {
        let table = tables[pcpu] ?? .allocate(capacity: 256)
        tables[pcpu] = table
        let key = TokenTableKey(block: ObjectIdentifier(block), serial: block.serial, vcpus: classOf[vcpu])
        if tableKeys[pcpu] == key { return UnsafePointer(table) }
        tableKeys[pcpu] = key
        for token in 0..<256 { (table + token).initialize(to: question(block, token, vcpu, &replayer)) }
        return UnsafePointer(table)
    }

    private func question(_ block: DemandBlock, _ token: Int, _ vcpu: Int, _ replayer: inout Replayer) -> TokenQuestion
    {
        var question = TokenQuestion()
        guard token < block.columns.templateCount, block.isDemand(token),
            var asked = Question(block.operation(ofToken: token), registers)
        else { return question }
        question.isDemand = true
        if block.takesValue(token), asked.isWrite {
            question.open = registers.openBits(asked)
            // An event select with a value of its own is asked about one by one.
            if asked.slot >= 0 {
                question.open = .max
                return question
            }
        } else if asked.slot >= 0 {
            let select = named(asked.value, vcpu, Int(asked.slot), &replayer)
            if select.word != 0 {
                question.slot = asked.slot
                question.event = select.event
                asked.value = select.word
                asked.what |= Question.isNamed
            }
        }
        question.number = numbers.number(of: asked)
        guard question.slot < 0, question.number >= 0 else { return question }
        if let known = columns[question.number] {
            question.column = known
        } else if columns.count < CellMemo.mostColumns {
            question.column = Int8(columns.count)
            columns[question.number] = question.column
        }
        return question
    }
}
