import CLinux

/// What a recorder does with its privileges once everything is open.
public enum Privileges {
    public enum Use: Sendable {
        case keep
        /// Gives up all capabilities. What root does as the owner of files still works, and so does a command that is
        /// started.
        case drop
    }

    static func drop() throws {
        try CaptureError.check(clinux_drop_capabilities(), "give up privileges")
    }
}
