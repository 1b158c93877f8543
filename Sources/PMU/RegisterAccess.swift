/// One access to a PMU register: an instruction, its operand and the value that went in or came out.
public struct RegisterAccess: Hashable, Sendable {
    public enum Instruction: UInt8, Sendable {
        case wrmsr
        case rdmsr
        case rdpmc
    }

    public var instruction: Instruction
    /// The register's address; RDPMC's ECX for `.rdpmc`.
    public var address: UInt32
    public var value: UInt64

    public init(_ instruction: Instruction, _ address: UInt32, _ value: UInt64) {
        self.instruction = instruction
        self.address = address
        self.value = value
    }
}
