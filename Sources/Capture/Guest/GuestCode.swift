/// The machine code of the test guest: an interpreter of step tables in 16-bit real mode.
///
/// It keeps to plain moves, so that it also runs where KVM emulates every instruction.
enum GuestCode {
    /// The port that a step which leaves the guest writes to.
    static let leavePort: UInt16 = 0x80
    /// The port that the end of a program writes to.
    static let endPort: UInt16 = 0x81
    /// IRET: all that an interrupt does.
    static let interruptReturn: UInt8 = 0xcf

    /// Reads the operation at DS:0, does it, notes it as done, and goes on with the next paragraph.
    static let interpreter: [UInt8] = {
        var code: [UInt8] = []
        /// Positions of one-byte jump distances to be filled in, by the label they go to.
        var jumps: [(at: Int, to: String)] = []
        var labels: [String: Int] = [:]

        func jump(_ opcode: UInt8, _ label: String) {
            code += [opcode, 0]
            jumps.append((code.count - 1, label))
        }
        labels["next step"] = code.count
        code += [0xa0, 0x00, 0x00]  // mov al, [0]
        code += [0x3c, GuestMemory.Operation.write.rawValue]  // cmp al, write
        jump(0x74, "write")  // je
        code += [0x3c, GuestMemory.Operation.read.rawValue]
        jump(0x74, "read")
        code += [0x3c, GuestMemory.Operation.rdpmc.rawValue]
        jump(0x74, "rdpmc")
        code += [0x3c, GuestMemory.Operation.leave.rawValue]
        jump(0x74, "leave")
        code += [0xe6, UInt8(endPort)]  // out 0x81, al
        code += [0xf4]  // hlt

        labels["write"] = code.count
        code += [0x66, 0x8b, 0x0e, 0x04, 0x00]  // mov ecx, [4]
        code += [0x66, 0xa1, 0x08, 0x00]  // mov eax, [8]
        code += [0x66, 0x8b, 0x16, 0x0c, 0x00]  // mov edx, [12]
        code += [0x0f, 0x30]  // wrmsr
        jump(0xeb, "done")

        labels["read"] = code.count
        code += [0x66, 0x8b, 0x0e, 0x04, 0x00]  // mov ecx, [4]
        code += [0x66, 0x31, 0xc0]  // xor eax, eax
        code += [0x66, 0x31, 0xd2]  // xor edx, edx
        code += [0x0f, 0x32]  // rdmsr
        jump(0xeb, "store")

        labels["rdpmc"] = code.count
        code += [0x66, 0x8b, 0x0e, 0x04, 0x00]  // mov ecx, [4]
        code += [0x66, 0x31, 0xc0]  // xor eax, eax
        code += [0x66, 0x31, 0xd2]  // xor edx, edx
        code += [0x0f, 0x33]  // rdpmc

        labels["store"] = code.count
        code += [0x66, 0xa3, 0x08, 0x00]  // mov [8], eax
        code += [0x66, 0x89, 0x16, 0x0c, 0x00]  // mov [12], edx
        jump(0xeb, "done")

        labels["leave"] = code.count
        code += [0xe6, UInt8(leavePort)]  // out 0x80, al

        labels["done"] = code.count
        code += [0x80, 0x0e, 0x01, 0x00, GuestMemory.done]  // or byte [1], done
        code += [0x8c, 0xd8]  // mov ax, ds
        code += [0x40]  // inc ax
        code += [0x8e, 0xd8]  // mov ds, ax
        jump(0xeb, "next step")

        for (at, label) in jumps {
            code[at] = UInt8(bitPattern: Int8(labels[label]! - (at + 1)))
        }
        return code
    }()

    /// Vector 13: notes #GP in the current step and goes on behind the faulting instruction, which has two bytes.
    ///
    /// In real mode no error code is pushed, so the return address lies right above the saved BP.
    static let faultHandler: [UInt8] = [
        0x55,  // push bp
        0x89, 0xe5,  // mov bp, sp
        0x83, 0x46, 0x02, 0x02,  // add word [bp+2], 2
        0x5d,  // pop bp
        0x80, 0x0e, 0x01, 0x00, GuestMemory.raisedGP,  // or byte [1], raised #GP
        0xcf,  // iret
    ]
}
