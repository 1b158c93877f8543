extension GuestProgram {
    /// Steps a program may have once its repetitions are written out: what fits a guest's memory beside its code.
    public static let maximumSteps = GuestMemory.tableParagraphs - 1

    /// Reads a program from its text.
    ///
    /// One step a line: `write REGISTER VALUE`, `read REGISTER`, `rdpmc COUNTER`, `exit`, `pause MICROSECONDS`; numbers
    /// are decimal or 0x hexadecimal. `repeat N` ... `end` plays the lines between them N times and may be nested. `#`
    /// starts a comment.
    ///
    /// - Throws: `CaptureError.program` with the line.
    public init(parsing text: String) throws {
        struct Block {
            var line: Int
            var count: Int
            var steps: [GuestStep]
        }
        var stack = [Block(line: 0, count: 1, steps: [])]
        for (index, rawLine) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = index + 1
            let words = rawLine.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\r\n" }
            guard let verb = words.first else { continue }
            let operands = words.dropFirst()
            switch verb {
            case "repeat":
                let count = try Self.operand(operands, line: line, named: "a number of repetitions", limit: 1_000_000)
                stack.append(Block(line: line, count: Int(count), steps: []))
            case "end":
                guard operands.isEmpty else { throw CaptureError.program(line: line, reason: "'end' stands alone") }
                guard stack.count > 1, let block = stack.popLast() else {
                    throw CaptureError.program(line: line, reason: "'end' without 'repeat'")
                }
                let (total, overflow) = block.steps.count.multipliedReportingOverflow(by: block.count)
                guard !overflow, stack[stack.count - 1].steps.count + total <= Self.maximumSteps else {
                    throw CaptureError.program(
                        line: line, reason: "the program has more than \(Self.maximumSteps) steps; repeat less")
                }
                for _ in 0..<block.count { stack[stack.count - 1].steps += block.steps }
            default:
                stack[stack.count - 1].steps.append(try Self.step(verb, operands, line: line))
                guard stack[stack.count - 1].steps.count <= Self.maximumSteps else {
                    throw CaptureError.program(
                        line: line, reason: "the program has more than \(Self.maximumSteps) steps; write less")
                }
            }
        }
        guard stack.count == 1 else {
            throw CaptureError.program(line: stack[stack.count - 1].line, reason: "'repeat' without 'end'")
        }
        self.init(steps: stack[0].steps)
    }

    private static func step(_ verb: Substring, _ operands: ArraySlice<Substring>, line: Int) throws -> GuestStep {
        switch verb {
        case "write":
            guard operands.count == 2 else {
                throw CaptureError.program(line: line, reason: "'write' takes a register and a value")
            }
            return .write(
                register: UInt32(
                    try operand(operands.prefix(1), line: line, named: "a register", limit: UInt64(UInt32.max))),
                value: try operand(operands.suffix(1), line: line, named: "a value", limit: .max))
        case "read":
            return .read(
                register: UInt32(try operand(operands, line: line, named: "a register", limit: UInt64(UInt32.max))))
        case "rdpmc":
            return .rdpmc(
                counter: UInt32(try operand(operands, line: line, named: "a counter", limit: UInt64(UInt32.max))))
        case "pause":
            return .pause(
                microseconds: UInt32(
                    try operand(operands, line: line, named: "a number of microseconds", limit: 10_000_000)))
        case "exit":
            guard operands.isEmpty else { throw CaptureError.program(line: line, reason: "'exit' stands alone") }
            return .exit
        default:
            throw CaptureError.program(
                line: line, reason: "unknown step '\(verb)'; known are write, read, rdpmc, exit, pause, repeat, end")
        }
    }

    private static func operand(
        _ operands: ArraySlice<Substring>, line: Int, named name: String, limit: UInt64
    ) throws -> UInt64 {
        guard operands.count == 1, let word = operands.first else {
            throw CaptureError.program(line: line, reason: "expected \(name) and nothing else")
        }
        let value =
            word.hasPrefix("0x") || word.hasPrefix("0X")
            ? UInt64(word.dropFirst(2), radix: 16) : UInt64(word, radix: 10)
        guard let value, value <= limit else {
            throw CaptureError.program(line: line, reason: "'\(word)' is not \(name) of at most \(limit)")
        }
        return value
    }
}

extension GuestStep: CustomStringConvertible {
    /// The step as a program's line.
    public var description: String {
        func hex<N: BinaryInteger>(_ number: N) -> String { "0x" + String(number, radix: 16) }
        return switch self {
        case .write(let register, let value): "write \(hex(register)) \(hex(value))"
        case .read(let register): "read \(hex(register))"
        case .rdpmc(let counter): "rdpmc \(hex(counter))"
        case .exit: "exit"
        case .pause(let microseconds): "pause \(microseconds)"
        }
    }
}

extension GuestProgram {
    /// Reads a program's file; `-` is standard input.
    ///
    /// - Throws: `CaptureError`, with the line where one is at fault.
    public init(contentsOf path: String) throws {
        let text = try KernelFile.read(path == "-" ? "/dev/stdin" : path, remedy: "check the path of the guest program")
        try self.init(parsing: text)
    }
}
