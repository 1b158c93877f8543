import ArgumentParser
import Foundation
import PolicyFile
import Report

struct PoliciesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policies", abstract: "List the policies, or show one as the file to copy and change.",
        discussion: """
            Examples: vpmu policies
                      vpmu policies --json
                      vpmu policies show mediated > mine.yaml

            Exit status: 0 printed, 129 no such policy.
            """,
        subcommands: [List.self, Show.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One line for each preset.")

        @Flag(help: "Write JSON: an array of objects with name, models and arguedBy.") var json = false

        private struct Line: Encodable {
            var name: String
            var models: String
            var arguedBy: String
        }

        func run() throws {
            if json {
                let lines = try PolicyCatalogue.all().map {
                    Line(name: $0.name, models: $0.models, arguedBy: $0.arguedBy)
                }
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
                print(String(decoding: try encoder.encode(lines), as: UTF8.self))
                return
            }
            var table = TextTable([.left("policy"), .left("what it is")])
            for rules in try PolicyCatalogue.all() { table.append([.init(rules.name), .init(rules.models)]) }
            print(table.text(Terminal.standardOutput), terminator: "")
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The file of one preset.")
        @Argument(help: "The preset's name.") var name: String

        func run() throws {
            guard let text = PolicyCatalogue.text(named: name) else {
                throw ValidationError("no policy is called \(name); `vpmu policies` lists them")
            }
            print(text, terminator: "")
        }
    }
}
