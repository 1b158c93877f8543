import FoundationEssentials

extension TraceMetadata {
    /// The metadata as the file stores it: JSON with sorted keys.
    func json(path: String) throws(TraceError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(self))
        } catch {
            throw .cannotWrite(path: path, offset: 0, reason: "the metadata is no JSON: \(error)")
        }
    }

    init(json: [UInt8]) throws(FormatViolation) {
        do {
            self = try JSONDecoder().decode(TraceMetadata.self, from: Data(json))
        } catch {
            throw FormatViolation("the metadata does not read as JSON")
        }
    }
}
