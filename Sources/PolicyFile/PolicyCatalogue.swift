import Policy

/// The policies that come with vpmu, as the files a user would copy. They are compiled into the program, so that a
/// statically linked one needs nothing beside itself.
public enum PolicyCatalogue {
    /// Every preset's name, in the order users see them.
    public static let names = [
        "emulated", "emulated-hwid", "none", "mediated", "mediated-sched", "ultimate", "ultimate-exact", "fair",
        "static", "esxi", "inuse", "confidential",
    ]

    /// The file of the preset called `name`, nil if there is none.
    public static func text(named name: String) -> String? {
        bytes(named: name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The rules of the preset called `name`, nil if there is none.
    ///
    /// - Throws: `PolicyFileError` never happens for a preset as released; tests decode them all.
    public static func rules(named name: String) throws(PolicyFileError) -> PolicyRules? {
        guard let text = text(named: name) else { return nil }
        return try PolicyFile.decode(text, file: "\(name).yaml")
    }

    /// Every preset's rules, in the order of `names`.
    public static func all() throws(PolicyFileError) -> [PolicyRules] {
        var all: [PolicyRules] = []
        for name in names {
            if let rules = try rules(named: name) { all.append(rules) }
        }
        return all
    }

    private static func bytes(named name: String) -> [UInt8]? {
        switch name {
        case "emulated": PackageResources.emulated_yaml
        case "emulated-hwid": PackageResources.emulated_hwid_yaml
        case "none": PackageResources.none_yaml
        case "mediated": PackageResources.mediated_yaml
        case "mediated-sched": PackageResources.mediated_sched_yaml
        case "ultimate": PackageResources.ultimate_yaml
        case "ultimate-exact": PackageResources.ultimate_exact_yaml
        case "fair": PackageResources.fair_yaml
        case "static": PackageResources.static_yaml
        case "esxi": PackageResources.esxi_yaml
        case "inuse": PackageResources.inuse_yaml
        case "confidential": PackageResources.confidential_yaml
        default: nil
        }
    }
}
