import Foundation

/// A line on the terminal that is written over and over; nothing where standard error is no terminal.
final class ProgressLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var length = 0
    private var lastUpdate: UInt64 = 0

    /// Shows `text` unless the last one is less than half a second old.
    func show(_ text: @autoclosure () -> String) {
        guard isTerminal else { return }
        let now = DispatchTime.now().uptimeNanoseconds
        guard now - lastUpdate >= 500_000_000 else { return }
        lastUpdate = now
        write(text())
    }

    /// Takes the line away.
    func clear() {
        guard isTerminal, length > 0 else { return }
        write("")
        FileHandle.standardError.write(Data("\r".utf8))
        length = 0
    }

    private func write(_ text: String) {
        let padding = String(repeating: " ", count: max(0, length - text.count))
        FileHandle.standardError.write(Data(("\r" + text + padding).utf8))
        length = text.count
    }
}
