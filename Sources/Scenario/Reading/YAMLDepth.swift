/// How deeply a YAML text nests, without parsing it: an upper bound from brackets, indentation and dashes.
enum YAMLDepth {
    static let limit = 64

    /// The first line that nests deeper than `limit`, counted from 1; nil if there is none.
    static func firstLineTooDeep(in text: String) -> Int? {
        var line = 1
        var brackets = 0
        var lead = 0
        var inLead = true
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\n"):
                line += 1
                lead = 0
                inLead = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                brackets += 1
                inLead = false
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                brackets = max(0, brackets - 1)
                inLead = false
            case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "?"): if inLead { lead += 1 }
            default: inLead = false
            }
            if brackets > limit || lead > 4 * limit { return line }
        }
        return nil
    }
}
