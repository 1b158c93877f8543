import Foundation
import Testing
import Trace

@Suite("Tracepoint formats")
struct TracepointFormatTests {
    @Test("name, number and each field's place come out of the text")
    func parsesFields() throws {
        let format = try TracepointFormat(parsing: FormatFixture.kvmEntry618)
        #expect(format.name == "kvm_entry")
        #expect(format.id == 115)
        #expect(format.fields.count == 9)
        #expect(
            format.field("error_code")
                == .init(name: "error_code", type: "u32", offset: 32, size: 4, isSigned: false))
        #expect(format.field("common_pid")?.isSigned == true)
        #expect(format.field("nothing") == nil)
    }

    @Test("arrays and data locations keep their name and type apart")
    func parsesArrays() throws {
        let inline = try TracepointFormat(parsing: FormatFixture.schedSwitch)
        #expect(inline.field("prev_comm")?.type == "char[16]")
        #expect(inline.field("prev_comm")?.storage == .inline)
        let dynamic = try TracepointFormat(parsing: FormatFixture.dynamicSchedSwitch)
        #expect(dynamic.field("prev_comm")?.storage == .dataLocation)
        #expect(dynamic.field("next_comm")?.storage == .relativeLocation)
    }

    @Test("the page header's fields are read without a name")
    func parsesPageHeader() throws {
        let fields = try TracepointFormat.fields(
            parsing: "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
                + "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
                + "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n")
        #expect(fields.map(\.name) == ["timestamp", "commit", "data"])
        #expect(fields[2].offset == 16)
    }

    @Test("a field line without 'signed:' is unsigned, as before Linux 2.6.36")
    func toleratesOldFields() throws {
        let fields = try TracepointFormat.fields(parsing: "\tfield:int common_pid;\toffset:4;\tsize:4;\n")
        #expect(fields.first?.isSigned == false)
    }

    @Test(
        "text that is no format file is refused with its reason",
        arguments: [
            ("", TracepointError.noName),
            ("hello\nworld\n", .noName),
            ("name: kvm_msr\n", .noID),
            ("name: kvm_msr\nID: x\n", .noID),
            ("name: kvm_msr\nID: -1\n", .noID),
            ("name: k\nID: 1\nfield:int x;\n", .malformedLine(line: 3, text: "field:int x;")),
            (
                "name: k\nID: 1\nfield:int x;\toffset:y;\tsize:4;\n",
                .malformedLine(line: 3, text: "field:int x;\toffset:y;\tsize:4;")
            ),
            (
                "name: k\nID: 1\nfield:int x;\toffset:-4;\tsize:4;\n",
                .malformedLine(line: 3, text: "field:int x;\toffset:-4;\tsize:4;")
            ),
            (
                "name: k\nID: 1\nfield:int x;\toffset:4;\tsize:9223372036854775807;\n",
                .malformedLine(line: 3, text: "field:int x;\toffset:4;\tsize:9223372036854775807;")
            ),
            (
                "name: k\nID: 1\nfield:;\toffset:4;\tsize:4;\n",
                .malformedLine(line: 3, text: "field:;\toffset:4;\tsize:4;")
            ),
        ])
    func refusesOtherText(text: String, error: TracepointError) {
        #expect(throws: error) { try TracepointFormat(parsing: text) }
    }

    @Test(
        "every saved format file of a real kernel is read",
        .enabled(if: SavedFormats.directory != nil, "no saved kernel formats beside the checkout (VPMU_SHARED)"))
    func readsSavedFormats() throws {
        let files = try SavedFormats.all()
        #expect(!files.isEmpty)
        var ours: [EventKind] = []
        for file in files {
            let format = try TracepointFormat(parsing: String(contentsOf: file, encoding: .utf8))
            #expect(file.lastPathComponent.hasSuffix("_\(format.name).format"))
            #expect(format.fields.count >= 4)
            if EventKind(tracepoint: format.name) != nil { ours.append(try TracepointDecoder(format: format).kind) }
        }
        // The system call's own format belongs to no subsystem whose formats are saved there.
        #expect(Set(ours).isSuperset(of: Set(EventKind.allCases).subtracting([.perfEventOpen])))
    }
}
