import Counts
import Foundation
import Policy
import Testing
import Trace

@testable import Bisect

@Suite("Explanations")
struct ExplainTests {
    @Test("the planted cause is named, with who asked and what happened", arguments: PlantedCase.all)
    func planted(_ planted: PlantedCase) throws {
        let (timeline, a, b) = planted.make()
        let explanation = try #require(Explainer(timeline, a: a, b: b).explain())
        #expect(explanation.cause.rawValue == planted.cause, "\(explanation.text)")
        for word in planted.words { #expect(explanation.text.contains(word), "\(explanation.text)") }
    }

    @Test("policies that decide alike have nothing to explain")
    func alike() {
        let (timeline, a, _) = PlantedCase.all[0].make()
        #expect(Explainer(timeline, a: a, b: a).explain() == nil)
    }

    @Test("loss is told with its interval, and doubt about it")
    func loss() throws {
        let loss = try #require(PlantedCase.all.first { $0.cause == "loss" })
        let (timeline, a, b) = loss.make()
        let explanation = try #require(Explainer(timeline, a: a, b: b).explain())
        #expect(explanation.doubts == ["the trace is incomplete on cpu 0 from 0 to 50000 ns: 7 records were lost"])
    }

    @Test("the cost is the time that the owner loses under the policy that goes without")
    func cost() throws {
        let (timeline, a, b) = PlantedCase.all[0].make()
        var explanation = try #require(Explainer(timeline, a: a, b: b).explain())
        explanation.addCost(timeline, a: a, b: b)
        let cost = try #require(explanation.cost)
        #expect(cost.owner == "guest:vm0/0")
        #expect(cost.lostNs == 100_000)
        #expect(cost.silentNs == 100_000)
    }

    @Test("the JSON holds the moment, the subject and the cause")
    func json() throws {
        let (timeline, a, b) = PlantedCase.all[0].make()
        let explanation = try #require(Explainer(timeline, a: a, b: b).explain())
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(explanation.json().utf8)) as? [String: Any])
        #expect(object["cause"] as? String == "priority")
        #expect(object["time"] as? Int == Int(explanation.difference.time))
        #expect((object["subject"] as? [String: Any])?["owner"] as? String == "guest:vm0/0")
        #expect((object["deciding"] as? [[String: String]])?.map { $0["rule"] } == ["guest-priority"])
    }
}
