/// What a guest's access got for an answer.
public enum GuestAnswer: Sendable, Equatable {
    /// The operation was no guest access.
    case notAnAccess
    /// The write was taken, whether or not it changed anything.
    case written
    /// What the read gave.
    case value(UInt64)
    /// #GP.
    case fault
}
