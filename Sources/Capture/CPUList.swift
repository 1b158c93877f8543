/// Sets of CPUs as the kernel and its tools write them: `0-3,8,10-11`.
public enum CPUList {
    /// Kernels have at most 8192 CPUs (`NR_CPUS`, arch/x86/Kconfig).
    static let limit = 8192

    /// The CPUs of a list, rising and each once.
    ///
    /// - Throws: `CaptureError.usage` for anything that is not such a list.
    public static func parse(_ text: some StringProtocol) throws -> [Int] {
        var cpus: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard ends.count == 1 || ends.count == 2, let first = ends[0], let last = ends[ends.count - 1],
                first >= 0, last >= first, last < limit
            else { throw CaptureError.usage("'\(text)' is not a list of CPUs such as 0-3,8") }
            cpus.formUnion(first...last)
        }
        return cpus.sorted()
    }

    /// The mask as the kernel's files take it: groups of 32 CPUs in hexadecimal, the highest first.
    static func mask(_ cpus: [Int]) -> String {
        var words = [UInt32](repeating: 0, count: (cpus.max() ?? 0) / 32 + 1)
        for cpu in cpus { words[cpu / 32] |= 1 << UInt32(cpu % 32) }
        return words.reversed().map { String($0, radix: 16) }.joined(separator: ",")
    }

    /// The CPUs that are online now.
    public static func online() throws -> [Int] {
        let path = "/sys/devices/system/cpu/online"
        guard let line = KernelFile.line(path) else {
            throw CaptureError.unreadable(path: path, reason: "cannot be read; is /sys mounted?")
        }
        return try parse(line)
    }
}
