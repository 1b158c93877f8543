import Capture
import TestSupport
import Testing

@Suite(
    "Guests", .exclusiveMachine, .enabled(if: ThisMachine.runsGuests, "this machine cannot run a KVM guest (/dev/kvm)"))
struct GuestTests {
    @Test("a guest plays its whole program and notes each access")
    func playsProgram() throws {
        let program = try GuestProgram(parsing: "repeat 5\nwrite 0x10 1\nread 0x10\nexit\nend")
        let notes = try Guest(program: program, vcpus: 1).run()
        #expect(notes.count == 1)
        #expect(notes[0].accesses.map(\.step) == program.accesses)
        #expect(notes[0].accesses.allSatisfy { $0.wasDone })
    }

    @Test("a register that no processor has raises #GP, and the guest goes on behind it")
    func notesExceptions() throws {
        let program = try GuestProgram(parsing: "read 0x10\nwrite 0xdead0001 7\nread 0xdead0002\nread 0x10")
        let notes = try Guest(program: program, vcpus: 1).run()
        #expect(notes[0].accesses.map(\.raisedGP) == [false, true, true, false])
        #expect(notes[0].accesses.allSatisfy { $0.wasDone })
    }

    @Test("a register keeps what the guest wrote")
    func keepsValues() throws {
        // IA32_SYSENTER_EIP: every guest has it.
        let program = try GuestProgram(parsing: "write 0x176 0x12345678\nread 0x176")
        let notes = try Guest(program: program, vcpus: 1).run()
        #expect(notes[0].accesses.map(\.value) == [0x1234_5678, 0x1234_5678])
    }

    @Test("each vCPU plays its own program in a thread of its own")
    func runsSeveralVCPUs() throws {
        let programs = try (0..<3).map { try GuestProgram(parsing: "write 0x176 \($0 + 5)\npause 100\nread 0x176") }
        let notes = try Guest(programs: programs).run()
        #expect(notes.map(\.vcpu) == [0, 1, 2])
        #expect(notes.map { $0.accesses[1].value } == [5, 6, 7])
        #expect(Set(notes.map(\.thread)).count == 3)
    }

    @Test("a program longer than a segment runs to its end")
    func runsLongProgram() throws {
        let program = try GuestProgram(parsing: "repeat 5000\nread 0x10\nend")
        let notes = try Guest(program: program, vcpus: 1).run()
        #expect(notes[0].accesses.count == 5000)
        #expect(notes[0].accesses.allSatisfy { $0.wasDone && !$0.raisedGP })
    }

    @Test("a guest can be run again, with its notes taken anew")
    func runsAgain() throws {
        let guest = try Guest(program: try GuestProgram(parsing: "write 0xdead0001 1\nread 0x10"), vcpus: 2)
        let first = try guest.run()
        let second = try guest.run()
        #expect(first.map { $0.accesses.map(\.raisedGP) } == second.map { $0.accesses.map(\.raisedGP) })
    }

    @Test("rdpmc without a PMU is noted like any other access")
    func playsRDPMC() throws {
        let notes = try Guest(program: try GuestProgram(parsing: "rdpmc 0\nread 0x10"), vcpus: 1).run()
        #expect(notes[0].accesses.allSatisfy { $0.wasDone })
    }

    @Test("programs that do not fit the guest's memory are refused")
    func refusesLargePrograms() throws {
        let program = try GuestProgram(parsing: "repeat 40000\nread 1\nend")
        #expect(throws: CaptureError.self) { try Guest(program: program, vcpus: 2) }
        #expect(throws: CaptureError.self) { try Guest(program: program, vcpus: 0) }
    }
}
