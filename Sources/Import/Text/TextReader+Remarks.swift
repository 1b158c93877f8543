import Trace

/// What a text says beside its rows, and what is said of it.
extension TextReader {
    /// perf script --header: `# os release : 6.18.44`.
    func takeHeader(_ text: UnsafeRawBufferPointer) {
        guard let colon = text.find(" : ") else { return }
        let key = text.slice(1..<colon).trimmed.string
        let value = text.slice(colon + 3..<text.count).trimmed.string
        switch key {
        case "hostname": collector.metadata.hostName = value
        case "os release": collector.metadata.kernel = value
        case "perf version": collector.metadata.tool = "perf \(value)"
        case "cmdline": collector.metadata.command = value.split(separator: " ").map(String.init)
        case "cpuid":
            let parts = value.split(separator: ",")
            if parts.count >= 4, let family = UInt32(parts[1]), let model = UInt32(parts[2]),
                let step = UInt32(parts[3])
            {
                collector.metadata.processor = .init(
                    vendor: String(parts[0]), family: family, model: model, stepping: step)
            }
        default: break
        }
    }

    /// `15822 msr_write, MSR_CORE_PERF_GLOBAL_CTRL` or `146820 EXTERNAL_INTERRUPT`
    func isHistogram(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = TextCursor(text)
        guard cursor.decimal() != nil, cursor.skip(" "), !cursor.isAtEnd else { return false }
        return text[cursor.position...].allSatisfy {
            $0.isDigit || $0 == 0x5f || $0 == 0x20 || $0 == 0x2c || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a)
        }
    }

    /// `ffffffff812a1b74 emulator_set_msr_with_filter+0x4 ([kernel.kallsyms])`
    func isCallChain(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = TextCursor(text)
        return cursor.hex() != nil && cursor.position >= 6 && cursor.skip(" ") && text.last == 0x29
    }

    /// What was made of the times of `perf script --deltatime`.
    func noteDifferences() {
        guard times.meaning == .differences else { return }
        let cut =
            times.isCut ? "; each was cut to microseconds, so that times are up to \(times.rows) us early" : ""
        collector.note(
            "times are differences to the row before (perf script --deltatime): added up from 0 on, when the recording began is not known\(cut)"
        )
        collector.metadata.clock = "perf, from 0"
    }
}
