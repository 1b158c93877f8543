import Host
import PMU
import Trace

/// Demand as stretches of accesses that lie in decoded blocks, and operations between them.
public final class LaneBatch {
    public struct Stretch {
        public var pcpu: Int32
        /// The vCPU whose accesses `start ..< end` of block `number` are; for an operation `start` is negative, and
        /// `number` its own.
        public var vcpu: Int32
        public var number: Int32
        public var start: Int32
        public var end: Int32
    }

    public internal(set) var stretches: ContiguousArray<Stretch> = []
    public internal(set) var operations: ContiguousArray<DemandOperation> = []
    public internal(set) var blocks: ContiguousArray<DemandBlock> = []

    public init() {}

    func removeAll() {
        stretches.removeAll(keepingCapacity: true)
        operations.removeAll(keepingCapacity: true)
        blocks.removeAll(keepingCapacity: true)
    }
}

/// One pass over the demand of a `DemandStream` that keeps what each pCPU does together.
///
/// The operations are those of `DemandWalk`. They come in another order, which makes no difference to anybody for whom
/// only the order on each pCPU and the order of each vCPU matter:
///
/// - what happens on a pCPU comes in its order, and what a vCPU does in the order of time, wherever;
/// - all that is before a vCPU's first operation in merged order comes before it, and nothing else does: its VM may
///   look at every pCPU;
/// - switches come in merged order.
///
///     pCPU 0  ──V──────────────────switch───W────
///     pCPU 1  ──────W───────────switch──────V────     V's first stretch ends where its thread turns up on pCPU 1, not at W's
///
/// A stretch thus goes on while other pCPUs' events lie between its own, and is cut where its vCPU is seen elsewhere,
/// where a vCPU is seen for the first time, and where nobody knows yet what the blocks to come hold.
public struct LaneWalk {
    /// Events looked at for a batch.
    private static let batchSize = 1 << 16

    private let stream: DemandStream
    private let store: BlockStore
    private var lanes: ContiguousArray<Lane> = []
    private var heap = LaneHeap()
    private var isAtStart = true
    private var isAtEnd = false
    /// The vCPU current on each pCPU, -1 for any other thread.
    private var current: ContiguousArray<Int32>
    private var globallyOn: ContiguousArray<Bool>
    /// In how many open blocks each vCPU is.
    private var presence: ContiguousArray<Int32>
    /// When each vCPU that had no turn yet is first seen in an open block; the heap has those, and may have some that
    /// had a turn.
    private var firstSeen: ContiguousArray<UInt64>
    private var hadTurn: ContiguousArray<Bool>
    private var waiting = LaneHeap()
    /// From which time on each lane is not decoded yet; lanes that are to their end are not in it.
    private var horizon = LaneHeap()
    private var isOverlapping = false

    private struct Lane {
        let pcpu: UInt16
        let blocks: [Int]
        var next = 0
        var block: DemandBlock?
        var piece = 0
        var at: Int32 = 0
        /// Its block's number in the batch that is being filled, -1 if it is not in it.
        var inBatch: Int32 = -1
    }

    /// What a batch is worth.
    public enum Outcome {
        case filled, atEnd
        /// A vCPU's thread was switched on one pCPU and seen on another at one time, or blocks of one pCPU overlap in
        /// time, so that the order must be looked at event by event (`DemandWalk`).
        case unsure
    }

    init(_ stream: DemandStream, _ store: BlockStore) {
        self.stream = stream
        self.store = store
        let vcpus = stream.timeline.demand.actors.vcpus.count
        current = .init(repeating: -1, count: stream.pcpus)
        globallyOn = .init(repeating: false, count: vcpus)
        presence = .init(repeating: 0, count: vcpus)
        firstSeen = .init(repeating: .max, count: vcpus)
        hadTurn = .init(repeating: false, count: vcpus)
        for (pcpu, blocks) in store.byPCPU {
            let first = store.first(of: blocks[0])
            heap.push(first, pcpu, lanes.count)
            horizon.push(first, pcpu, lanes.count)
            lanes.append(Lane(pcpu: pcpu, blocks: blocks))
        }
    }

    /// Fills `batch` with what comes next. The blocks of a batch are good until the batch after the next is filled.
    ///
    /// - Throws: `TraceError` where the file is damaged.
    public mutating func fill(_ batch: LaneBatch) throws -> Outcome {
        batch.removeAll()
        store.turn()
        for lane in lanes.indices { lanes[lane].inBatch = -1 }
        if isAtStart {
            isAtStart = false
            for operation in stream.timeline.demand.operations { add(operation, batch) }
            return .filled
        }
        if isAtEnd { return .atEnd }
        var looked = 0
        while looked < LaneWalk.batchSize {
            guard let lane = heap.top else {
                isAtEnd = true
                break
            }
            if lanes[lane].block == nil { try open(lane) }
            if isOverlapping { return .unsure }
            if lanes[lane].block != nil {
                guard let taken = take(lane, batch) else { return .unsure }
                looked += taken
            }
            moveOn(lane)
        }
        return .filled
    }

    // MARK: Lanes

    private mutating func open(_ lane: Int) throws {
        guard lanes[lane].next < lanes[lane].blocks.count else { return }
        let block = try store.block(lanes[lane].blocks[lanes[lane].next])
        block.attribute(stream.vcpuOfThread)
        lanes[lane].next += 1
        (lanes[lane].block, lanes[lane].piece, lanes[lane].at) = (block, 0, 0)
        // The lane that is opened stands before all others, and so do its events that are not decoded; or blocks
        // overlap.
        if horizon.top != lane { isOverlapping = true }
        if lanes[lane].next == lanes[lane].blocks.count {
            horizon.pop()
        } else {
            horizon.move(to: store.first(of: lanes[lane].blocks[lanes[lane].next]))
        }
        for vcpu in block.vcpus {
            presence[Int(vcpu)] += 1
            guard !hadTurn[Int(vcpu)], let piece = block.pieces.first(where: { $0.isTurn(of: vcpu) }) else { continue }
            // Accesses that are no demand come before it: its turn is with the first that is.
            let isAccess = piece.kind == .accesses
            let time = block.time(isAccess ? block.firstDemand(from: piece.start, before: piece.end) : piece.start)
            if time >= firstSeen[Int(vcpu)] { continue }
            firstSeen[Int(vcpu)] = time
            waiting.push(time, 0, Int(vcpu))
        }
    }

    private mutating func close(_ lane: Int) {
        guard let block = lanes[lane].block else { return }
        for vcpu in block.vcpus { presence[Int(vcpu)] -= 1 }
        store.release(block)
        (lanes[lane].block, lanes[lane].inBatch) = (nil, -1)
    }

    private mutating func hasTurn(_ vcpu: Int32) { hadTurn[Int(vcpu)] = true }

    /// When the next vCPU has its first turn, as far as blocks are open.
    private mutating func nextFirst() -> UInt64 {
        while let vcpu = waiting.top, hadTurn[vcpu] { waiting.pop() }
        return waiting.topKey
    }

    /// The lane on top of the heap stands where it stands now.
    private mutating func moveOn(_ lane: Int) {
        if let block = lanes[lane].block {
            if lanes[lane].at < Int32(block.columns.count) {
                heap.move(to: block.time(lanes[lane].at))
                return
            }
            close(lane)
        }
        guard lanes[lane].next < lanes[lane].blocks.count else {
            heap.pop()
            return
        }
        heap.move(to: store.first(of: lanes[lane].blocks[lanes[lane].next]))
    }

    // MARK: Pieces

    /// Takes what the lane stands at; answers how many events that were, nil where the order is not known.
    private mutating func take(_ lane: Int, _ batch: LaneBatch) -> Int? {
        guard let block = lanes[lane].block else { return 0 }
        let piece = block.pieces[lanes[lane].piece]
        let start = lanes[lane].at
        var end = piece.end
        switch piece.kind {
        case .idle, .witness: break
        case .switched: guard takeSwitch(piece, block, lane, batch) else { return nil }
        case .single: takeSingle(piece, block, lane, batch)
        case .accesses where piece.vcpu >= 0:
            let from = block.firstDemand(from: start, before: end)
            // The vCPU comes with its first demand: its turn is then, and what others do meanwhile goes before.
            if from > start {
                end = from
                break
            }
            // Its own first turn is no reason to wait.
            hasTurn(piece.vcpu)
            let cut = cutTime(lane, piece)
            if block.time(end - 1) >= cut { end = Int32(block.firstAtOrAfter(cut, in: Int(start) + 1..<Int(end))) }
            let time = block.time(from)
            addHiddenGlobalControl(piece.vcpu, time, lane, batch)
            current[Int(lanes[lane].pcpu)] = piece.vcpu
            if lanes[lane].inBatch < 0 {
                lanes[lane].inBatch = Int32(batch.blocks.count)
                batch.blocks.append(block)
            }
            batch.stretches.append(
                LaneBatch.Stretch(
                    pcpu: Int32(lanes[lane].pcpu), vcpu: piece.vcpu, number: lanes[lane].inBatch, start: from, end: end)
            )
        case .accesses: break
        }
        lanes[lane].at = end
        if end == piece.end { lanes[lane].piece += 1 }
        return Int(end - start)
    }

    /// Where a stretch of accesses must end: no event at or behind it may be taken before others.
    private mutating func cutTime(_ lane: Int, _ piece: DemandBlock.Piece) -> UInt64 {
        var cut = min(horizon.top == lane ? horizon.secondKey : horizon.topKey, nextFirst())
        guard presence[Int(piece.vcpu)] > 1, let block = lanes[lane].block else { return cut }
        cut = min(cut, block.time(piece.end - 1) + 1)
        for other in lanes.indices where other != lane {
            guard let there = lanes[other].block, there.vcpus.contains(piece.vcpu) else { continue }
            var number = lanes[other].piece
            while number < there.pieces.count {
                let time = there.time(max(there.pieces[number].start, lanes[other].at))
                if time >= cut { break }
                if there.pieces[number].vcpu == piece.vcpu || there.pieces[number].next == piece.vcpu {
                    cut = time
                    break
                }
                number += 1
            }
        }
        return cut
    }

    /// Takes a switch as `DemandWalk` does. False where the order of switches must be looked at.
    private mutating func takeSwitch(
        _ piece: DemandBlock.Piece, _ block: DemandBlock, _ lane: Int, _ batch: LaneBatch
    ) -> Bool {
        let pcpu = Int(lanes[lane].pcpu)
        guard piece.next >= 0 || piece.vcpu >= 0 || current[pcpu] >= 0 else { return true }
        let time = block.time(piece.start)
        if heap.secondKey <= time, isSeenElsewhere([piece.vcpu, piece.next, current[pcpu]], at: time, than: lane) {
            return false
        }
        if piece.next >= 0 { hasTurn(piece.next) }
        if piece.next >= 0 || current[pcpu] >= 0 {
            let thread = piece.next >= 0 ? DemandOperation.Thread.vcpu(piece.next) : .other
            add(DemandOperation(time: time, pcpu: Int32(pcpu), kind: .taskSwitch(to: thread)), batch)
        }
        current[pcpu] = piece.next
        return true
    }

    /// Whether other lanes that stand at `time` have to do with one of `vcpus` then, or may have.
    private func isSeenElsewhere(_ vcpus: [Int32], at time: UInt64, than lane: Int) -> Bool {
        for other in lanes.indices where other != lane {
            guard let block = lanes[other].block else {
                if lanes[other].next < lanes[other].blocks.count,
                    store.first(of: lanes[other].blocks[lanes[other].next]) <= time
                {
                    return true
                }
                continue
            }
            var number = lanes[other].piece
            while number < block.pieces.count {
                let piece = block.pieces[number]
                if block.time(max(piece.start, lanes[other].at)) > time { break }
                if piece.vcpu >= 0, vcpus.contains(piece.vcpu) { return true }
                if piece.next >= 0, vcpus.contains(piece.next) { return true }
                number += 1
            }
            // The next block may begin at the same time.
            if number == block.pieces.count { return true }
        }
        return false
    }

    /// Takes a single event as `DemandWalk` does.
    private mutating func takeSingle(
        _ piece: DemandBlock.Piece, _ block: DemandBlock, _ lane: Int, _ batch: LaneBatch
    ) {
        let event = block.event(piece)
        let pcpu = Int(lanes[lane].pcpu)
        func operation(_ kind: DemandOperation.Kind) -> DemandOperation {
            DemandOperation(time: event.time, pcpu: Int32(pcpu), kind: kind)
        }
        let vcpu = piece.vcpu
        guard vcpu >= 0 else { return }
        hasTurn(vcpu)
        current[pcpu] = vcpu
        if event.kind == .kvmMSR || event.kind == .kvmExit && event.leavesForRDPMC {
            addHiddenGlobalControl(vcpu, event.time, lane, batch)
        }
        switch event.kind {
        case .kvmEntry: add(operation(.guestEnter(vcpu: vcpu)), batch)
        case .kvmExit:
            add(operation(.guestExit(vcpu: vcpu, reentersFast: false)), batch)
            if event.leavesForRDPMC { add(operation(.guestReadPMC(vcpu: vcpu)), batch) }
        case .kvmMSR:
            let faulted = event.raisedException
            add(
                operation(
                    event.isWrite
                        ? .guestWrite(vcpu: vcpu, register: event.register, value: event.value, faulted: faulted)
                        : .guestRead(vcpu: vcpu, register: event.register, faulted: faulted)), batch)
        default: break
        }
    }

    private mutating func addHiddenGlobalControl(_ vcpu: Int32, _ time: UInt64, _ lane: Int, _ batch: LaneBatch) {
        guard stream.hiddenGlobalControl != 0, !globallyOn[Int(vcpu)] else { return }
        globallyOn[Int(vcpu)] = true
        add(
            DemandOperation(
                time: time, pcpu: Int32(lanes[lane].pcpu),
                kind: .guestWrite(
                    vcpu: vcpu, register: MSR.globalControl, value: stream.hiddenGlobalControl, faulted: false)), batch)
    }

    private func add(_ operation: DemandOperation, _ batch: LaneBatch) {
        batch.stretches.append(
            LaneBatch.Stretch(
                pcpu: operation.pcpu, vcpu: -1, number: Int32(batch.operations.count), start: -1, end: -1))
        batch.operations.append(operation)
    }
}
