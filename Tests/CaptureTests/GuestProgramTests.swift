import Capture
import Testing

@Suite("Guest programs")
struct GuestProgramTests {
    @Test("every kind of step is read, comments and blank lines are not")
    func parsesSteps() throws {
        let program = try GuestProgram(
            parsing: """
                # a counter is set up and read
                write 0x38f 0
                write 0x186 0x5300c0   # instructions

                read 193
                rdpmc 0x40000000
                exit
                pause 250
                """)
        #expect(
            program.steps == [
                .write(register: 0x38f, value: 0), .write(register: 0x186, value: 0x53_00c0), .read(register: 0xc1),
                .rdpmc(counter: 0x4000_0000), .exit, .pause(microseconds: 250),
            ])
        #expect(program.accesses.count == 4)
    }

    @Test("repetitions may be nested and are written out")
    func expandsRepetitions() throws {
        let program = try GuestProgram(parsing: "repeat 2\nread 1\nrepeat 3\nread 2\nend\nend\n")
        #expect(
            program.steps.map(\.description) == ["read 0x1", "read 0x2", "read 0x2", "read 0x2"] + [
                "read 0x1", "read 0x2", "read 0x2", "read 0x2",
            ])
    }

    @Test("a program's text is its steps' descriptions")
    func roundTrips() throws {
        let text = "write 0x38f 0xffffffffffffffff\nread 0xc0010200\nrdpmc 0x1\nexit\npause 10"
        #expect(try GuestProgram(parsing: text).steps.map(\.description).joined(separator: "\n") == text)
    }

    @Test(
        "a line that is no step is named by its number",
        arguments: [
            ("jump 1", 1), ("read 1\nwrite 1", 2), ("read", 1), ("read x", 1), ("read 0x100000000", 1), ("exit 3", 1),
            ("end", 1), ("read 1\nrepeat 2\nread 1", 2), ("write 1 18446744073709551616", 1), ("pause -1", 1),
            ("repeat 1000000\nread 1\nend", 3), ("repeat 1000000\nrepeat 1000000\nread 1\nend\nend", 4),
        ])
    func refusesOtherLines(text: String, line: Int) throws {
        let error = #expect(throws: CaptureError.self) { try GuestProgram(parsing: text) }
        guard case .program(line, _) = error else {
            Issue.record("wrong error: \(String(describing: error))")
            return
        }
    }
}
