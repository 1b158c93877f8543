import PMU
import Trace

extension ScenarioReader {
    func uncore(_ item: YAMLItem?) throws(ScenarioError) -> [UncorePlan] {
        var plans: [UncorePlan] = []
        for entry in try item?.entries() ?? [] {
            let fields = try entry.fields(["name", "control", "counter", "value", "cpu", "rate", "read-every"])
            let plan = UncorePlan(
                name: try fields.required("name").text(), control: try register(fields, "control"),
                counter: try register(fields, "counter"), value: try fields["value"]?.number() ?? 0,
                pcpu: try fields["cpu"].map { item throws(ScenarioError) in try pcpu(item) } ?? 0,
                rate: try fields.required("rate").count(),
                readEvery: try interval(fields, "read-every", default: 10_000_000))
            guard plan.rate <= 100_000_000_000 else {
                throw entry.error("a rate of \(plan.rate) per second is not of this world")
            }
            plans.append(plan)
        }
        return plans
    }

    private func register(_ fields: YAMLFields, _ key: String) throws(ScenarioError) -> UInt32 {
        let item = try fields.required(key)
        let address = UInt32(try item.number(0...UInt64(UInt32.max)))
        guard UncoreRegister.isUncore(address) else {
            throw item.error("0x\(String(address, radix: 16)) is no register of an uncore PMU, such as 0xe01")
        }
        return address
    }
}
