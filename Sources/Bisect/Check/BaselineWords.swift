/// The words of one line of a baseline: plain ones, quoted ones, and commas.
struct BaselineWords {
    struct Word: Equatable {
        var text: String
        var isQuoted: Bool
    }

    private var words: [Word] = []
    private var next = 0

    init(_ line: String, fail: (String) -> BaselineError) throws(BaselineError) {
        var rest = Substring(line)
        while let first = rest.first {
            switch first {
            case " ", "\t", "\r":
                rest.removeFirst()
            case ",":
                words.append(Word(text: ",", isQuoted: false))
                rest.removeFirst()
            case "\"":
                rest.removeFirst()
                words.append(Word(text: try Self.unquote(&rest, fail), isQuoted: true))
            default:
                var word = rest.prefix { $0 != " " && $0 != "\t" && $0 != "\r" }
                // A comma belongs to a word (`cpu/event=0xc0,umask=1/`) unless it ends it.
                if word.count > 1, word.hasSuffix(",") { word = word.dropLast() }
                words.append(Word(text: String(word), isQuoted: false))
                rest = rest[word.endIndex...]
            }
        }
    }

    private static func unquote(_ rest: inout Substring, _ fail: (String) -> BaselineError) throws(BaselineError)
        -> String
    {
        var text = ""
        while let character = rest.popFirst() {
            if character == "\"" { return text }
            guard character == "\\" else {
                text.append(character)
                continue
            }
            switch rest.popFirst() {
            case "\""?: text += "\""
            case "\\"?: text += "\\"
            case "u"?:
                guard rest.popFirst() == "{", let end = rest.firstIndex(of: "}"),
                    let value = UInt32(rest[..<end], radix: 16), let scalar = Unicode.Scalar(value)
                else { throw fail("a `\\u` without {HEX}") }
                text.unicodeScalars.append(scalar)
                rest = rest[rest.index(after: end)...]
            default: throw fail("a backslash before something other than \\, \" or u{HEX}")
            }
        }
        throw fail("a quotation mark is missing")
    }

    var peek: Word? { next < words.count ? words[next] : nil }

    mutating func skip() { next += 1 }

    /// Takes the next word if it is plainly `text`.
    mutating func skip(_ text: String) -> Bool {
        guard peek == Word(text: text, isQuoted: false) else { return false }
        next += 1
        return true
    }

    mutating func word(_ what: String, _ fail: (String) -> BaselineError) throws(BaselineError) -> String {
        guard let word = peek else { throw fail("\(what) is missing") }
        next += 1
        return word.text
    }

    mutating func number(_ what: String, _ fail: (String) -> BaselineError) throws(BaselineError) -> UInt64 {
        let text = try word(what, fail)
        guard let number = UInt64(text) else { throw fail("`\(text)` is no number (\(what))") }
        return number
    }

    func end(_ fail: (String) -> BaselineError) throws(BaselineError) {
        if let word = peek { throw fail("`\(word.text)` is too much on this line") }
    }
}
