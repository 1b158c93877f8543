import Counts
import Foundation
import Testing

@testable import Report

/// A browser to open the page in, if this machine has one.
enum Chromium {
    static let path = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// The page's elements after its script ran.
    static func dom(of html: String) throws -> String {
        let folder = NSTemporaryDirectory() + "vpmu-page-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/report.html"
        try html.write(toFile: file, atomically: false, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path!)
        process.arguments = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,900",
            "--user-data-dir=\(folder)/profile", "--virtual-time-budget=5000", "--dump-dom", "file://\(file)",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}

@Suite("The report page")
struct ReportPageTests {
    @Test("it asks for nothing from any network and nothing in it ends its own markup")
    func selfContained() throws {
        let html = try PageFixture.page(vcpus: 2).html()
        #expect(!html.contains("http://") && !html.contains("https://") && !html.contains("src=\""))
        #expect(!html.contains("<who>"))
        #expect(html.components(separatedBy: "</script>").count == 4)
    }

    @Test("differences come first, and the same input gives the same bytes")
    func order() throws {
        let page = PageFixture.page(vcpus: 16)
        let body = page.comparison
        let firstSame = try #require(body.range(of: "<tr class=\"same\">"))
        #expect(!body[firstSame.upperBound...].contains("<tr><th"))
        #expect(try page.html() == PageFixture.page(vcpus: 16).html())
    }

    @Test("its figures are those of replay --json, cell by cell")
    func figures() throws {
        let page = PageFixture.page(vcpus: 3)
        let rows = page.comparison.components(separatedBy: "<tr").dropFirst(2)
        #expect(rows.count == page.tables[0].series.count)
        let json = try CountsTable.json([page.tables[1]])
        let table = try JSONDecoder().decode(CountsTable.self, from: Data(json.utf8))
        for series in table.series {
            let cells = rows.filter { row in
                row.contains(">\(Markup.xml(series.key.owner))<")
                    && row.contains(" \(series.key.event)</td>")
                    && row.contains(series.key.pcpu.map { "cpu \($0) " } ?? "\(series.key.counter ?? "")")
            }
            #expect(cells.count == 1, "\(series.key)")
            let second = cells.first?.components(separatedBy: "<td class=\"").dropFirst(3).first
            #expect(second?.contains("data-value=\"\(series.reading.count.map(String.init) ?? "")\"") == true)
            #expect(second?.contains("data-silent=\"\(series.silentNs)\" data-blind=\"\(series.blindNs)\"") == true)
        }
    }

    @Test(
        "a headless browser draws an hour of 64 vCPUs and its script finds every row and lane",
        .enabled(if: Chromium.path != nil, "no chromium on this machine (apt-get install chromium)"))
    func browser() throws {
        let page = PageFixture.page()
        let dom = try Chromium.dom(of: page.html())
        #expect(dom.contains(">392 of 392 shown</span>"))
        #expect(dom.components(separatedBy: "<canvas").count - 1 == 64 * 6 + 1 + 48)
        #expect(dom.contains("<option value=\"2\">fair</option>"))
    }
}
