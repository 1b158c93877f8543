extension UInt64 {
    /// The sum, or the largest number where it does not fit: sums of what an untrusted input claims to have counted
    /// stay large instead of becoming small.
    @inlinable
    package func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
