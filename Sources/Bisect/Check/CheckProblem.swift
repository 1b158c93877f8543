/// What no revision of the policy can mend: a trace or a baseline that is missing, unreadable or not the right one.
public struct CheckProblem: Error, Equatable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}

/// The policy could not be built, loaded or asked: this revision of it cannot be judged, another may.
public struct PolicyUnusable: Error, Equatable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}
