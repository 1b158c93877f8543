extension EventKind {
    /// `system:name`, as perf and the metadata's dictionaries write it: `kvm:kvm_msr`.
    public var qualifiedName: String { "\(system):\(tracepoint)" }

    /// The kind of a tracepoint by its name without the system (`kvm_msr`), or nil for one that is not ours.
    public init?(tracepoint: some StringProtocol) {
        guard let kind = Self.allCases.first(where: { $0.tracepoint == tracepoint }) else { return nil }
        self = kind
    }

    /// The kind of `system:name`, or nil for a tracepoint that is not ours.
    public init?(system: some StringProtocol, tracepoint: some StringProtocol) {
        guard let kind = Self(tracepoint: tracepoint), kind.system == system else { return nil }
        self = kind
    }
}
