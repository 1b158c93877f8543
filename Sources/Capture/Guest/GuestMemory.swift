import Glibc

/// The physical memory of a test guest: 1 MiB that the host and all vCPUs see alike.
///
///     0x00008  vector 2 (NMI) of the real-mode interrupt table, which does nothing
///     0x00034  vector 13 (#GP) of it
///     0x01000  the code, one copy for all vCPUs
///     0x04000  stacks, 1 KiB a vCPU, growing down
///     0x10000  step tables, one paragraph (16 bytes) a step, one table a vCPU
///
/// A step's paragraph: operation, outcome, two spare bytes, register (4 bytes), value (8 bytes; a read's result). DS
/// always points at the current step, so its number can be told from DS alone, and tables may be longer than a segment.
final class GuestMemory {
    static let bytes = 1 << 20
    static let codeStart = 0x1000
    static let handlerStart = 0x1800
    static let interruptReturn = 0x17f0
    static let stackTop = 0x4000
    static let stackBytes = 0x400
    static let firstTableSegment = 0x1000
    /// Paragraphs for the step tables of all vCPUs together.
    static let tableParagraphs = bytes / 16 - firstTableSegment
    static let maximumVCPUs = 32

    enum Operation: UInt8 {
        case end = 0
        case write = 1
        case read = 2
        case rdpmc = 3
        case leave = 4
    }

    /// Bits of the outcome byte.
    static let done: UInt8 = 1
    static let raisedGP: UInt8 = 2

    let base: UnsafeMutableRawPointer

    init() throws {
        let map = mmap(nil, Self.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
        guard let map, map != MAP_FAILED else {
            throw CaptureError.system(doing: "get \(Self.bytes) bytes for a guest", errno: errno, remedy: nil)
        }
        base = map
        GuestCode.interpreter.withUnsafeBytes {
            (base + Self.codeStart).copyMemory(from: $0.baseAddress!, byteCount: $0.count)
        }
        GuestCode.faultHandler.withUnsafeBytes {
            (base + Self.handlerStart).copyMemory(from: $0.baseAddress!, byteCount: $0.count)
        }
        let vector = base + 13 * 4
        vector.storeBytes(of: UInt16(Self.handlerStart).littleEndian, as: UInt16.self)
        (vector + 2).storeBytes(of: 0, as: UInt16.self)
        (base + Self.interruptReturn).storeBytes(of: GuestCode.interruptReturn, as: UInt8.self)
        (base + 2 * 4).storeBytes(of: UInt16(Self.interruptReturn).littleEndian, as: UInt16.self)
    }

    deinit {
        munmap(base, Self.bytes)
    }

    func write(_ steps: [GuestStep], atSegment segment: Int) {
        for (index, step) in steps.enumerated() {
            let at = base + (segment + index) * 16
            let (operation, register, value): (Operation, UInt32, UInt64) =
                switch step {
                case .write(let register, let value): (.write, register, value)
                case .read(let register): (.read, register, 0)
                case .rdpmc(let counter): (.rdpmc, counter, 0)
                case .exit, .pause: (.leave, 0, 0)
                }
            at.storeBytes(of: operation.rawValue, as: UInt8.self)
            (at + 1).storeBytes(of: 0, as: UInt8.self)
            (at + 4).storeBytes(of: register.littleEndian, as: UInt32.self)
            (at + 8).storeBytes(of: value.littleEndian, as: UInt64.self)
        }
        (base + (segment + steps.count) * 16).storeBytes(of: Operation.end.rawValue, as: UInt8.self)
    }

    /// What the guest noted for one step.
    func note(atSegment segment: Int) -> (outcome: UInt8, value: UInt64) {
        let at = base + segment * 16
        return ((at + 1).load(as: UInt8.self), UInt64(littleEndian: (at + 8).load(as: UInt64.self)))
    }
}
