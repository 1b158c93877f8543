import Glibc

/// Memory that is filled from end to end: in huge pages where the kernel has some, because entering a block's worth of
/// small ones into the page table takes as long as encoding the block.
enum LargeMemory {
    private static let hugePage = 2 << 20

    /// Uninitialised memory for `count` elements, to be given back by `deallocate()`.
    static func allocate<T>(_ type: T.Type, _ count: Int) -> UnsafeMutablePointer<T> {
        let bytes = count * MemoryLayout<T>.stride
        guard bytes > hugePage / 2 else { return .allocate(capacity: count) }
        let whole = (bytes + hugePage - 1) & ~(hugePage - 1)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: whole, alignment: hugePage)
        // Advice: a kernel without huge pages gives small ones.
        _ = madvise(memory, whole, MADV_HUGEPAGE)
        return memory.bindMemory(to: T.self, capacity: count)
    }
}
