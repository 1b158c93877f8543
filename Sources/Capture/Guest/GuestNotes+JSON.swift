extension GuestNotes {
    /// One JSON object a line and access: `vcpu`, `thread`, `index` (among the vCPU's accesses), `access` (`write`,
    /// `read`, `rdpmc`), `register`, `value`, `exception` (it raised #GP).
    public var jsonLines: String {
        var text = ""
        for (index, access) in accesses.enumerated() {
            let (verb, register): (String, UInt32) =
                switch access.step {
                case .write(let register, _): ("write", register)
                case .read(let register): ("read", register)
                case .rdpmc(let counter): ("rdpmc", counter)
                case .exit, .pause: ("none", 0)
                }
            text += "{\"vcpu\":\(vcpu),\"thread\":\(thread),\"index\":\(index),\"access\":\"\(verb)\","
            text += "\"register\":\(register),\"value\":\(access.value),\"exception\":\(access.raisedGP)}\n"
        }
        return text
    }
}
