import CDiff

/// The instruction sets that the kernel exists for. One binary holds all of them.
public enum InstructionSet: Int, Sendable, CaseIterable {
    case portable = 0
    case avx2 = 1
    case avx512 = 2

    /// Whether this CPU and its operating system can run it.
    public var isSupported: Bool { cdiff_supports(Int32(rawValue)) != 0 }

    /// The preferred one of this machine.
    public static let best: InstructionSet = allCases.last(where: \.isSupported) ?? .portable
}
