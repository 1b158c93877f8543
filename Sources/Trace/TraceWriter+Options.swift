extension TraceWriter {
    public struct Options: Sendable {
        public var existing: ExistingFile = .refuse
        public var level: TraceLevel = .fast
        /// Events after which a block is cut, 1...65,536; nil: as many as keep a reader's memory small, by the number
        /// of pCPUs in the metadata.
        public var eventsPerBlock: Int?
        /// A block is cut once it spans this many ns of the trace's clock (and when anything is appended for a later
        /// time on another pCPU); nil: never for that reason.
        public var blockSpan: UInt64? = 10_000_000_000
        /// Most bytes of events that wait in open blocks; beyond it the fullest is cut.
        public var pendingBytes = 24 << 20
        /// Blocks between two index checkpoints.
        public var blocksPerCheckpoint = 256
        /// Blocks that are encoded at once, each on a thread of its own. The file is the same for any number; that many
        /// blocks may be lost when the writer is killed.
        public var threads = 1
        /// How the caller appends.
        public var order: Order = .perPCPU

        public init() {}

        public init(existing: ExistingFile, level: TraceLevel = .fast) {
            self.existing = existing
            self.level = level
        }
    }

    public enum Order: Sendable {
        /// Times rise on each pCPU; pCPUs interleave in any way.
        case perPCPU
        /// Times rise over all pCPUs: blocks then promise what cannot come any more, and a pipe can be read as it is
        /// written.
        case global
    }
}
