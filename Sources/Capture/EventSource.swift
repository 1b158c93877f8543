import Trace

/// Where a recorder gets its events: the rings of all CPUs, however the kernel offers them.
///
///     init (all is opened, nothing runs) ── start ──► drain ... ── stop ──► drain ──► finish
protocol EventSource: AnyObject {
    /// CPUs, one ring each.
    var cpus: [Int] { get }
    /// What to poll for each ring, in the order of `cpus`.
    var descriptors: [Int32] { get }
    /// Whether loss is known for each tracepoint, or only for the ring that they share.
    var countsLossByTracepoint: Bool { get }
    /// Threads of guests seen so far: those that were current in records of KVM's tracepoints.
    var guestThreads: Set<Int32> { get }

    /// Whether a CPU that was offline for a while is recorded when it is back.
    var survivesOffline: Bool { get }

    /// Whether everything that is still to be done can be done without capabilities.
    var needsNoPrivileges: Bool { get }

    func start() throws
    func stop() throws
    /// Stops some tracepoints for good; a later `start` does not bring them back.
    func stop(_ kinds: Set<EventKind>) throws
    /// Notices threads that the chosen processes have started since.
    func followProcesses() throws
    /// Takes what one ring holds; answers the number of records.
    func drain<Sink: TraceSink>(ring: Int, into sink: inout Sink) throws -> Int
    /// Looks for records that were made and neither came nor were reported lost; asks the kernel, so not often.
    func audit<Sink: TraceSink>(into sink: inout Sink) throws
    /// Hands on what is held back for the sake of order.
    func handOn<Sink: TraceSink>(into sink: inout Sink) throws
    /// Hands on what was held back, reports what is still missing, and accounts for each ring.
    func finish<Sink: TraceSink>(into sink: inout Sink) throws -> [RingAccount]
}
