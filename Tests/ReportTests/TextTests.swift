import Counts
import Testing

@testable import Report

@Suite("Text")
struct TextTests {
    @Test("columns are aligned, numbers to the right, without trailing spaces")
    func alignment() {
        var table = TextTable([.left("name"), .right("n"), .left("note")])
        table.append(["a", "1", "x"])
        table.append(["longer", "1234", ""])
        #expect(table.text(.plain) == "name       n  note\na          1  x\nlonger  1234\n")
    }

    @Test("a narrow terminal cuts the longest text and no number")
    func narrow() {
        var table = TextTable([.left("name"), .right("n")])
        table.append([.init(String(repeating: "x", count: 60)), "12345678901234567890"])
        let lines = table.text(Terminal(colour: .none, width: 40)).split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= 40 })
        #expect(lines[1].hasSuffix("12345678901234567890"))
        #expect(lines[1].contains("…"))
    }

    @Test("colour does not disturb the alignment")
    func colour() {
        var table = TextTable([.right("n"), .left("x")])
        table.append([.init("1", .bad), "y"])
        let painted = table.text(Terminal(colour: .ansi, width: 80))
        #expect(painted.contains("\u{1b}[31m1\u{1b}[0m"))
        let stripped = painted.replacing(/\u{1b}\[[0-9]*m/, with: "")
        #expect(stripped == table.text(.plain))
    }

    @Test("a name from a trace cannot send escape sequences")
    func control() {
        var table = TextTable([.left("name")])
        table.append([.init("evil\u{1b}[2J\nline\u{7f}\u{9b}")])
        #expect(table.text(.plain) == "name\nevil?[2J?line??\n")
    }

    @Test("there is colour on a terminal only, and never with NO_COLOR or TERM=dumb")
    func detection() {
        func colour(_ isTerminal: Bool, _ environment: [String: String]) -> Terminal.Colour {
            Terminal.detect(isTerminal: isTerminal, columns: 100, environment: environment).colour
        }
        #expect(colour(true, [:]) == .ansi)
        #expect(colour(true, ["NO_COLOR": ""]) == .ansi)
        #expect(colour(true, ["NO_COLOR": "1"]) == .none)
        #expect(colour(true, ["TERM": "dumb"]) == .none)
        #expect(colour(false, [:]) == .none)
    }

    @Test("the width is the window's, else COLUMNS, else 80, and unlimited in a pipe")
    func width() {
        func width(_ isTerminal: Bool, _ columns: Int?, _ environment: [String: String]) -> Int? {
            Terminal.detect(isTerminal: isTerminal, columns: columns, environment: environment).width
        }
        #expect(width(true, 132, ["COLUMNS": "90"]) == 132)
        #expect(width(true, nil, ["COLUMNS": "90"]) == 90)
        #expect(width(true, nil, ["COLUMNS": "x"]) == 80)
        #expect(width(false, 132, [:]) == nil)
    }

    @Test(
        "durations keep four digits",
        arguments: [
            (0, "0"), (999, "999 ns"), (1_000, "1.000 us"), (12_345_678, "12.34 ms"), (999_999_999, "999.9 ms"),
            (2_000_000_000, "2.000 s"), (3_725_000_000_000, "1 h 02 min 05 s"),
        ] as [(UInt64, String)])
    func durations(ns: UInt64, expected: String) {
        #expect(Figures.duration(ns) == expected)
    }

    @Test(
        "a share is 0% or 100% only where it is",
        arguments: [
            (0, 9, "0%"), (9, 9, "100%"), (1, 1_000_000, "<0.1%"), (999_999, 1_000_000, ">99.9%"), (1, 3, "33.3%"),
            (1, 2, "50%"), (5, 0, "-"),
        ] as [(UInt64, UInt64, String)])
    func shares(part: UInt64, whole: UInt64, expected: String) {
        #expect(Figures.share(part, of: whole) == expected)
    }

    @Test(
        "readings show their mark",
        arguments: [
            (.exact(1_234_567), "1,234,567"), (.bounded(1, 2000), "1 ... 2,000"), (.bounded(5, nil), ">= 5"),
            (.bounded(nil, 5), "<= 5"), (.bounded(nil, nil), "?"), (.unknown, "?"),
        ] as [(Reading, String)])
    func readings(reading: Reading, expected: String) {
        #expect(Figures.reading(reading) == expected)
    }
}
