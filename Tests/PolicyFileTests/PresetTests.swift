import Policy
import PolicyFile
import Testing

@Suite struct PresetTests {
    @Test("every preset is a file that decodes under its own name", arguments: PolicyCatalogue.names)
    func decodes(_ name: String) throws {
        let rules = try #require(try PolicyCatalogue.rules(named: name))
        #expect(rules.name == name)
        #expect(!rules.models.isEmpty)
        #expect(!rules.arguedBy.isEmpty)
    }

    @Test("every preset's file begins with what it models and whose argument it is", arguments: PolicyCatalogue.names)
    func begins(_ name: String) throws {
        let text = try #require(PolicyCatalogue.text(named: name))
        #expect(text.hasPrefix("# Models: "))
        #expect(text.contains("\n# Argued by: "))
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 })
    }

    @Test("there are twelve presets, no two of them alike, and no other name")
    func distinct() throws {
        let all = try PolicyCatalogue.all()
        #expect(all.count == 12)
        for (index, rules) in all.enumerated() {
            for other in all[(index + 1)...] {
                var renamed = other
                (renamed.name, renamed.models, renamed.arguedBy) = (rules.name, rules.models, rules.arguedBy)
                #expect(renamed != rules, "\(rules.name) and \(other.name)")
            }
        }
        #expect(PolicyCatalogue.text(named: "emulate") == nil)
        #expect(try PolicyCatalogue.rules(named: "") == nil)
    }

    @Test("the presets that stand in code as well are the same there")
    func sameAsInCode() throws {
        for code in [PolicyRules.emulated, .mediated, .none] {
            var file = try #require(try PolicyCatalogue.rules(named: code.name))
            (file.models, file.arguedBy) = ("", "")
            #expect(file == code)
        }
    }
}
