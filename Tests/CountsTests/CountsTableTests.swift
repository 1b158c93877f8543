import Foundation
import Testing

@testable import Counts

@Suite("The table of results")
struct CountsTableTests {
    static let rows: [Series] = [
        Series(key: SeriesKey(owner: "host:watchdog", pcpu: 1, event: "cycles"), reading: .exact(7), blindNs: 3),
        Series(key: SeriesKey(owner: "guest:b/10", counter: "gp2", event: "0x0c0"), reading: .unknown, reason: "lost"),
        Series(
            key: SeriesKey(owner: "guest:b/2", counter: "gp10", event: "0x0c0"),
            reading: .bounded(5, nil, guess: 9), reason: "physical-limit", enabledNs: 10, runningNs: 4, silentNs: 6),
        Series(key: SeriesKey(owner: "guest:b/2", counter: "gp2", event: "0x0c0"), reading: .exact(UInt64.max)),
    ]

    static func table(_ rows: [Series] = rows, checkpoints: Checkpoints? = nil) -> CountsTable {
        CountsTable(
            policy: "emulated", trace: "t.vpt", start: 1, end: 9, series: rows, checkpoints: checkpoints,
            operations: [OperationCounts(owner: "guest:b/2")],
            openLoop: [OpenLoopItem(time: 4, owner: nil, cause: "overflow interrupt lost")],
            displaced: [
                DisplacedEvent(owner: "host:watchdog", pcpu: 1, event: "cycles", since: 2, lostNs: 5, reason: "ceded")
            ],
            taints: [Taint(owner: nil, pcpu: 1, counter: nil, from: 2, to: 3, cause: "12 records lost")],
            notices: [Notice(time: 3, owner: "guest:b/2", what: "#GP")])
    }

    @Test("rows come in one order, numbers by value, guests before hosts, whatever order they were given in")
    func canonicalOrder() {
        let expected = [
            "guest:b/2 gp2 0x0c0", "guest:b/2 gp10 0x0c0", "guest:b/10 gp2 0x0c0", "host:watchdog cpu 1 cycles",
        ]
        #expect(Self.table().series.map(\.key.description) == expected)
        #expect(Self.table(Self.rows.reversed()) == Self.table())
    }

    @Test("rows with equal keys keep their order")
    func equalKeys() {
        let key = SeriesKey(owner: "guest:a/0", counter: "gp0", event: "x")
        let table = Self.table([3, 1, 2].map { Series(key: key, reading: .exact($0)) })
        #expect(table.series.map(\.reading) == [.exact(3), .exact(1), .exact(2)])
    }

    @Test("checkpoint columns move with their rows")
    func checkpointsFollow() {
        let columns = Checkpoints(times: [10, 20], counts: [1, 2, 3, 4, 5, 6, 7, 8], silentNs: Array(0..<8))
        let table = Self.table(checkpoints: columns)
        #expect(table.checkpoints?.counts == [7, 8, 5, 6, 3, 4, 1, 2])
        #expect(table.checkpoints?.silentNs == [6, 7, 4, 5, 2, 3, 0, 1])
    }

    @Test("JSON there and back gives the same table and the same bytes")
    func jsonRoundTrip() throws {
        let table = Self.table(checkpoints: Checkpoints(times: [5], counts: [1, 2, 3, 4], silentNs: [0, 0, 0, 1]))
        let json = try CountsTable.json([table])
        let back = try JSONDecoder().decode(CountsTable.self, from: Data(json.utf8))
        #expect(back == table)
        #expect(try CountsTable.json([back]) == json)
    }

    @Test("a number that is not known is null, not absent")
    func nulls() throws {
        let json = try JSONSerialization.jsonObject(with: Data(try CountsTable.json([Self.table()]).utf8))
        let series = try #require((json as? [String: Any])?["series"] as? [[String: Any]])
        for name in ["count", "lo", "hi", "pcpu"] { #expect(series[2][name] is NSNull, "\(name)") }
        #expect(series[1]["hi"] is NSNull)
        #expect(series[1]["lo"] as? Int == 5)
        #expect(series[0]["count"] as? UInt64 == UInt64.max)
    }

    @Test(
        "JSON that contradicts itself is refused with the series named",
        arguments: [
            #""count":1,"lo":2,"hi":3,"mark":"bounded""#, #""count":null,"lo":3,"hi":2,"mark":"bounded""#,
            #""count":1,"lo":null,"hi":null,"mark":"unknown""#, #""count":null,"lo":null,"hi":null,"mark":"exact""#,
        ])
    func contradictions(fields: String) {
        let json = """
            {"schemaVersion":1,"policy":"p","series":[{"owner":"guest:a/0","event":"x","enabledNs":0,"runningNs":0,
            "silentNs":0,"blindNs":0,\(fields)}]}
            """
        let error = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(CountsTable.self, from: Data(json.utf8))
        }
        #expect("\(String(describing: error))".contains("guest:a/0"))
    }

    @Test("another schema version is refused")
    func otherVersion() {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(
                CountsTable.self, from: Data(#"{"schemaVersion":2,"policy":"p","series":[]}"#.utf8))
        }
    }

    @Test(
        "natural order is a strict total order", arguments: [("gp2", "gp10"), ("a", "a0"), ("a01", "a1"), ("a9", "b1")])
    func naturalOrder(a: String, b: String) {
        #expect(NaturalOrder.less(a, b))
        #expect(!NaturalOrder.less(b, a))
        #expect(!NaturalOrder.less(a, a))
    }
}
