extension ProcessorModel {
    /// Every model by name, in the order users see them.
    public static let all: [ProcessorModel] = [
        skylakeSP, skylakeSPWithoutHT, cascadeLake, cascadeLakeWithoutHT, iceLakeSP, sapphireRapids, lionCove,
        sandyBridge, ivyBridge, haswell, zen1, zen2, zen3, zen4, zen5, family15h,
    ]

    /// The model called `name`: one of `all`, or `architectural-vN-GgpFfixed` in the form
    /// `architectural-v4-8gp-3fixed`; nil if there is none.
    public static func named(_ name: String) -> ProcessorModel? {
        all.first { $0.name == name } ?? architectural(named: name)
    }
}
