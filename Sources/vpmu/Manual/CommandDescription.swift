import ArgumentParser
import Foundation

/// A command as the argument parser describes it: the part of its help dump that man pages are made of.
struct CommandDescription: Decodable {
    var commandName: String
    var abstract: String?
    var discussion: String?
    var shouldDisplay: Bool?
    var arguments: [Argument]?
    var subcommands: [CommandDescription]?

    struct Argument: Decodable {
        var kind: Kind
        var abstract: String?
        var discussion: String?
        var defaultValue: String?
        var isOptional: Bool
        var isRepeating: Bool
        var shouldDisplay: Bool
        var names: [Name]?
        var preferredName: Name?
        var valueName: String?

        enum Kind: String, Decodable { case positional, option, flag }
    }

    struct Name: Decodable {
        var kind: Kind
        var name: String
        enum Kind: String, Decodable { case long, short, longWithSingleDash }

        var spelled: String { (kind == .long ? "--" : "-") + name }
    }

    /// The commands users see, the help command aside.
    var visibleSubcommands: [CommandDescription] {
        (subcommands ?? []).filter { $0.shouldDisplay != false && $0.commandName != "help" }
    }

    /// `vpmu` with all its commands.
    static func vpmu() throws -> CommandDescription {
        struct Dump: Decodable { var command: CommandDescription }
        return try JSONDecoder().decode(Dump.self, from: Data(VPMU._dumpHelp().utf8)).command
    }
}
