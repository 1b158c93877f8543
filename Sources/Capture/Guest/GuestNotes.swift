/// What one vCPU of a test guest wrote into its own memory while it played its program.
public struct GuestNotes: Equatable, Sendable {
    public var vcpu: Int
    /// The host's id of the thread that ran the vCPU.
    public var thread: Int32
    /// One entry for each step that touches a register, in order.
    public var accesses: [Access]

    public init(vcpu: Int, thread: Int32, accesses: [Access]) {
        self.vcpu = vcpu
        self.thread = thread
        self.accesses = accesses
    }

    public struct Access: Equatable, Sendable {
        public var step: GuestStep
        /// The guest went past this step.
        public var wasDone: Bool
        /// The instruction raised #GP in the guest.
        public var raisedGP: Bool
        /// The value written, or the one that the guest read.
        public var value: UInt64

        public init(step: GuestStep, wasDone: Bool, raisedGP: Bool, value: UInt64) {
            self.step = step
            self.wasDone = wasDone
            self.raisedGP = raisedGP
            self.value = value
        }
    }
}
