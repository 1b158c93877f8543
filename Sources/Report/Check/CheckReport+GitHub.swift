import Counts

extension CheckReport {
    /// Workflow commands of GitHub Actions, one a line, for standard output: an error for each series that is worse, a
    /// warning for each that cannot be judged. GitHub shows ten of each kind per step, so the last one tells of the
    /// rest.
    ///
    /// - Parameter file: the file of the repository to pin them to; nil for none.
    public func gitHubAnnotations(file: String?) -> String {
        var lines: [String] = []
        for (verdict, command) in [(Verdict.worse, "error"), (.cannotJudge, "warning")] {
            let found = traces.flatMap { trace in
                trace.sentences.filter { $0.verdict == verdict }.map { (trace.trace, $0) }
            }
            let shown = found.count > 10 ? 9 : found.count
            for (trace, sentence) in found.prefix(shown) {
                lines.append(annotation(command, file, "\(trace): \(verdict.name)", sentence.text))
            }
            if found.count > shown {
                lines.append(
                    annotation(command, file, "\(found.count - shown) more \(verdict.name)", "see the job's summary"))
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private func annotation(_ command: String, _ file: String?, _ title: String, _ message: String) -> String {
        let place = file.map { "file=\(Self.property($0))," } ?? ""
        return "::\(command) \(place)title=\(Self.property(title))::\(Self.data(message))"
    }

    private static func data(_ text: String) -> String {
        text.replacing("%", with: "%25").replacing("\r", with: "%0D").replacing("\n", with: "%0A")
    }

    private static func property(_ text: String) -> String {
        data(text).replacing(":", with: "%3A").replacing(",", with: "%2C")
    }
}
