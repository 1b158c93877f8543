/// What this build calls itself in traces and on the command line.
enum Version {
    static let tool = "vpmu 0.1.0"
}
