import Counts

extension CheckReport {
    /// JUnit XML: a suite per trace, a case per owner. Worse is a failure, what cannot be judged an error.
    public var junit: String {
        var lines = [#"<?xml version="1.0" encoding="UTF-8"?>"#]
        let suites = traces.map(JUnitSuite.init)
        lines.append(
            "<testsuites name=\"vpmu check\" tests=\"\(suites.map(\.cases.count).reduce(0, +))\""
                + " failures=\"\(suites.map(\.failures).reduce(0, +))\" errors=\"\(suites.map(\.errors).reduce(0, +))\">"
        )
        for suite in suites { lines += suite.lines(policy: policy) }
        lines.append("</testsuites>")
        return lines.joined(separator: "\n") + "\n"
    }
}

private struct JUnitSuite {
    struct Case {
        var name: String
        var verdict: Verdict
        var sentences: [TraceJudgement.Sentence]
    }

    var name: String
    var cases: [Case]
    var failures: Int { cases.count { $0.verdict == .worse } }
    var errors: Int { cases.count { $0.verdict == .cannotJudge } }

    init(_ trace: TraceJudgement) {
        name = trace.trace
        let sentences = trace.sentences
        cases = (trace.diff?.owners ?? []).map { owner in
            Case(name: owner.owner, verdict: owner.verdict, sentences: sentences.filter { $0.owner == owner.owner })
        }
        cases += trace.missingOwners.map { owner in
            Case(name: owner, verdict: .cannotJudge, sentences: sentences.filter { $0.owner == owner })
        }
        if case .unusable = trace.finding {
            cases.append(Case(name: "policy", verdict: .cannotJudge, sentences: sentences))
        }
    }

    func lines(policy: String) -> [String] {
        var lines = [
            "  <testsuite name=\"\(Markup.xml(name))\" tests=\"\(cases.count)\" failures=\"\(failures)\" errors=\"\(errors)\">"
        ]
        for one in cases {
            let head = "    <testcase classname=\"\(Markup.xml(name))\" name=\"\(Markup.xml(one.name))\""
            let text = one.sentences.map(\.text)
            switch one.verdict {
            case .same: lines.append(head + "/>")
            case .better:
                lines.append(head + ">")
                lines.append(
                    "      <system-out>\(Markup.xml((["better"] + text).joined(separator: "\n")))</system-out>")
                lines.append("    </testcase>")
            case .worse, .cannotJudge:
                let element = one.verdict == .worse ? "failure" : "error"
                lines.append(head + ">")
                lines.append(
                    "      <\(element) type=\"\(one.verdict.name)\" message=\"\(Markup.xml(text.first ?? one.verdict.name))\">"
                        + "\(Markup.xml(text.joined(separator: "\n")))</\(element)>")
                lines.append("    </testcase>")
            }
        }
        return lines + ["  </testsuite>"]
    }
}
