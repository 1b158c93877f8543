import CLinux

/// What a recorder has freed and will need again.
public enum KeptMemory {
    /// Concerns the whole process, so it is for whoever owns that to ask: up to 32 MiB of what is freed stay with it.
    /// What one block needed the next one needs again, and giving it back in between costs page faults for each block.
    public static func keepForBlocks() { clinux_keep_memory(32 << 20) }
}
