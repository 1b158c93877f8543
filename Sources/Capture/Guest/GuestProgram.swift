/// What a test guest does: a list of register accesses and pauses, played once by each vCPU from first to last.
public struct GuestProgram: Equatable, Sendable {
    public var steps: [GuestStep]

    public init(steps: [GuestStep]) {
        self.steps = steps
    }

    /// The steps that touch a register, in order: the accesses a trace should show.
    public var accesses: [GuestStep] { steps.filter(\.isAccess) }
}

/// One step of a guest program.
public enum GuestStep: Equatable, Sendable {
    /// WRMSR.
    case write(register: UInt32, value: UInt64)
    /// RDMSR.
    case read(register: UInt32)
    /// RDPMC with this ECX; it makes no `kvm:kvm_msr` record.
    case rdpmc(counter: UInt32)
    /// An exit to user space and back.
    case exit
    /// An exit to user space, where the vCPU's thread sleeps.
    case pause(microseconds: UInt32)

    /// Whether the step touches a register, so that it can raise #GP.
    public var isAccess: Bool {
        switch self {
        case .write, .read, .rdpmc: true
        case .exit, .pause: false
        }
    }
}
