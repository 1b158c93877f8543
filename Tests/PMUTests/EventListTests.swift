import Foundation
import PMU
import Testing

/// Intel's own lists of core events against the kernel's tables.
@Suite struct EventListTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var file: String
        var model: ProcessorModel
        var column: VendorEventList.Column
        var events: Int
        /// Config, and what Linux gives instead of what is listed.
        var otherwise: [UInt64: String]
        var testDescription: String { model.name }
    }

    static let cases = [
        Case(
            file: "skylakex", model: .skylakeSP, column: .hyperthreading, events: 470,
            otherwise: [0xc0: "gp0-3, fixed0", 0x3c: "gp0-3, fixed1", 0x0a80_01c0: "gp1"]),
        Case(
            file: "skylakex", model: .skylakeSPWithoutHT, column: .withoutHyperthreading, events: 470,
            otherwise: [
                0xc0: "gp0-7, fixed0", 0x3c: "gp0-7, fixed1", 0x0a80_01c0: "gp1", 0x1b7: "gp0-7", 0x1bb: "gp0-7",
                0x1400_14a3: "gp0-7", 0x04c4: "gp0-7", 0x04c5: "gp0-7", 0x01d3: "gp0-7", 0x02d3: "gp0-7",
                0x04d3: "gp0-7", 0x08d3: "gp0-7", 0x04d4: "gp0-7",
            ]),
        Case(
            file: "icelakex", model: .iceLakeSP, column: .hyperthreading, events: 363,
            otherwise: [0xc0: "gp0-7, fixed0", 0x3c: "gp0-7, fixed1"]),
        Case(
            file: "sapphirerapids", model: .sapphireRapids, column: .hyperthreading, events: 411,
            otherwise: [
                0xc0: "gp0-7, fixed0", 0x3c: "gp0-7, fixed1", 0x13c: "gp0-7, fixed2", 0x0500_05a3: "gp0-7",
                0x0600_06a3: "gp0-7", 0x0c00_0ca3: "gp0-7", 0x01cd: "gp0-7",
            ]),
    ]

    @Test(
        "every listed core event gets the listed counters, or a row of the kernel's table says otherwise",
        .enabled(if: EventLists.root != nil, "needs Intel's event lists in ../shared/perfmon (or $VPMU_SHARED)"),
        arguments: cases)
    func agrees(_ question: Case) throws {
        let text = try EventLists.content("perfmon/\(question.file)_core.json.zst")
        let list = try JSONDecoder().decode(VendorEventList.self, from: text)
        #expect(list.events.count == question.events)
        let differences = try question.model.differences(from: list, column: question.column)
        print("\(question.model.name): Linux's table says otherwise than Intel's list for")
        for difference in differences { print("  \(difference)") }
        let ours = Dictionary(grouping: differences, by: \.config).mapValues {
            Counter.list($0[0].ours)
        }
        #expect(ours == question.otherwise)
        for difference in differences where difference.row == nil {
            #expect(difference.ours == question.model.gpMask)
        }
    }

    static let list = """
        {"Header": {"Info": "a list"}, "Events": [
          {"EventName": "A", "EventCode": "0xB7, 0xBB", "UMask": "0x01", "Counter": "0,1,2,3",
           "CounterHTOff": "0,1,2,3", "CounterMask": "0", "Invert": "0", "EdgeDetect": "0"},
          {"EventName": "B", "EventCode": "0xd0", "UMask": "0x11", "Counter": "0,1,2,3",
           "CounterHTOff": "0,1,2,3", "CounterMask": "0", "Invert": "0", "EdgeDetect": "0"},
          {"EventName": "C", "EventCode": "0xc0", "UMask": "0x00", "Counter": "COUNTER",
           "CounterHTOff": "0,1,2,3,4,5,6,7", "CounterMask": "1", "Invert": "1", "EdgeDetect": "1"}]}
        """

    @Test("a list's columns are told apart, and both codes of a pair are asked")
    func columns() throws {
        let text = Self.list.replacingOccurrences(of: "COUNTER", with: "0,1,2,3")
        let list = try JSONDecoder().decode(VendorEventList.self, from: Data(text.utf8))
        #expect(try ProcessorModel.skylakeSP.differences(from: list, column: .hyperthreading) == [])
        let without = try ProcessorModel.skylakeSPWithoutHT.differences(from: list, column: .withoutHyperthreading)
        #expect(without.map(\.config) == [0x1b7, 0x1bb])
        #expect(without.map(\.events) == [["A"], ["A"]])
    }

    @Test("a counter field of an unknown form is named with its event", arguments: ["", "x", "Fixed counter 99", "40"])
    func unreadable(_ field: String) throws {
        let text = Self.list.replacingOccurrences(of: "COUNTER", with: field)
        let list = try JSONDecoder().decode(VendorEventList.self, from: Data(text.utf8))
        #expect(throws: ProcessorModel.UnreadableEntry(event: "C")) {
            try ProcessorModel.skylakeSP.differences(from: list, column: .hyperthreading)
        }
    }
}
