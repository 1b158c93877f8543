import PMU

/// The events that the GP counters of each vCPU have to do with: what is programmed, what is backed, what counts. A
/// cell names them by number, counter by counter, so that guests that do alike with other events are in the same cell.
struct EventBindings {
    /// Most events of one counter.
    static let most = 4
    /// No event select without its control bits.
    static let none = UInt64.max
    static let slots = GuestRegisters.firstFixedSlot
    /// Bits of a guest's event select, or of what stands for it, that do not say which event it is.
    static let control = EventSelect.control | EventSelect.guestOnly | EventSelect.hostOnly
    static let perVCPU = slots * most

    /// The event, without control bits, at `place(vcpu, slot) + number`.
    let events: UnsafeMutablePointer<UInt64>
    /// Its series, -1 where that was not asked for yet.
    let series: UnsafeMutablePointer<Int32>
    /// A number for what it is like, -1 where that was not asked for yet.
    let traits: UnsafeMutablePointer<Int32>

    init(vcpus: Int) {
        let size = max(1, vcpus * EventBindings.perVCPU)
        events = .allocate(capacity: size)
        events.initialize(repeating: EventBindings.none, count: size)
        series = .allocate(capacity: size)
        series.initialize(repeating: -1, count: size)
        traits = .allocate(capacity: size)
        traits.initialize(repeating: -1, count: size)
    }

    func deallocate() {
        events.deallocate()
        series.deallocate()
        traits.deallocate()
    }

    @inline(__always)
    static func place(_ vcpu: Int, _ slot: Int) -> Int { (vcpu &* slots &+ slot) &* most }

    /// The number of `event` among those of the counter, `most` where it is none of them.
    @inline(__always)
    func number(of event: UInt64, at place: Int) -> Int {
        EventBindings.number(of: event, in: events + place)
    }

    @inline(__always)
    static func number(of event: UInt64, in list: UnsafePointer<UInt64>) -> Int {
        var number = most
        for candidate in 0..<most where list[candidate] == event { number = min(number, candidate) }
        return number
    }

    /// The events of `vcpu` are those of `list`, `perVCPU` of them; what is known of their series stays known.
    func set(_ vcpu: Int, _ list: [UInt64], _ likenesses: [Int32]) {
        for slot in 0..<EventBindings.slots {
            let (place, from) = (EventBindings.place(vcpu, slot), slot * EventBindings.most)
            var map: UInt64 = 0
            for number in 0..<EventBindings.most {
                let event = list[from + number]
                let old = event == EventBindings.none ? EventBindings.most : self.number(of: event, at: place)
                map |= UInt64(old < EventBindings.most ? old : EventBindings.vacant) << UInt64(4 * number)
            }
            rebind(place, map, (EventBindings.none, -1))
            for number in 0..<EventBindings.most where list[from + number] != EventBindings.none {
                (events[place + number], traits[place + number]) = (list[from + number], likenesses[from + number])
            }
        }
    }

    /// In a map of `rebind`: the event that comes in, and none.
    static let incoming = most
    static let vacant = most + 1

    /// Gives the events of a counter other numbers: four bits of `map` for each number say which one it was.
    @inline(__always)
    func rebind(_ place: Int, _ map: UInt64, _ incoming: (event: UInt64, series: Int32)) {
        let (events, series, traits) = (events + place, series + place, traits + place)
        let known: InlineArray<6, (UInt64, Int32, Int32)> = [
            (events[0], series[0], traits[0]), (events[1], series[1], traits[1]), (events[2], series[2], traits[2]),
            (events[3], series[3], traits[3]), (incoming.event, incoming.series, -1), (EventBindings.none, -1, -1),
        ]
        for number in 0..<EventBindings.most {
            (events[number], series[number], traits[number]) =
                known[Int(truncatingIfNeeded: map &>> UInt64(4 &* number) & 15)]
        }
    }
}

/// A series, whichever vCPU or pCPU it is of.
///
///     negative     the pCPU's own event n as -1 - n
///     below 96     event n of GP counter s (`EventBindings`) as 8 s + n, the one that is just coming in as 8 s + 4
///     from 128 on  any other of a guest's, by its shape
typealias SeriesName = Int32

extension SeriesName {
    static let firstShape: SeriesName = 128

    static func own(_ place: Int) -> SeriesName { Int32(-1 - place) }
    static func event(_ slot: Int, _ number: Int) -> SeriesName { Int32(slot << 3 | number) }
    static func shape(_ number: Int) -> SeriesName { firstShape + Int32(number) }
}
