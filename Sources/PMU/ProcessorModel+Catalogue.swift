extension ProcessorModel {
    /// Every model by name, in the order users see them.
    public static let all: [ProcessorModel] = [skylakeSP, zen2]

    /// The model called `name`, nil if there is none.
    public static func named(_ name: String) -> ProcessorModel? { all.first { $0.name == name } }
}
