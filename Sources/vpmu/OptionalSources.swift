import ArgumentParser
import Trace

/// A list of optional sources on the command line.
struct OptionalSources: ExpressibleByArgument {
    var sources: Set<OptionalSource>

    init(none: ()) { sources = [] }

    init?(argument: String) {
        guard let sources = OptionalSource.list(argument) else { return nil }
        self.sources = sources
    }

    var defaultValueDescription: String { "none" }
}
