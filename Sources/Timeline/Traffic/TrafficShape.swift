import PMU
import Trace

/// The PMU that a trace's register traffic belongs to, as far as reading it needs.
public struct TrafficShape: Sendable, Equatable {
    public var flavour: Flavour
    public var gp: Int
    public var fixed: Int
    public var width: Int

    public init(flavour: Flavour, gp: Int, fixed: Int, width: Int = 48) {
        self.flavour = flavour
        self.gp = gp
        self.fixed = fixed
        self.width = width
    }

    public init(model: ProcessorModel) {
        self.init(flavour: model.flavour, gp: model.gp, fixed: model.fixed, width: model.width)
    }

    var counterMask: UInt64 { width >= 64 ? .max : (1 << UInt64(width)) - 1 }

    /// The config that fixed counter `number` counts under the four control bits `nibble`: the architectural event
    /// with its USR, OS and INT bits (`fixed_intel_pmu_pmc_events`; SDM volume 3B, 20.2.2).
    static func fixedConfig(_ number: Int, nibble: UInt64) -> UInt64 {
        let events: [UInt64] = [0x00c0, 0x003c, 0x0300, 0x0400]
        var config = number < events.count ? events[number] : 0
        config |= FixedControl.privileges(of: nibble)
        if nibble & 4 != 0 { config |= EventSelect.any }
        if nibble & 8 != 0 { config |= EventSelect.interrupt }
        return config
    }

    /// What the host's own register accesses say about the PMU, nil where there are none: the addresses tell the
    /// flavour, the widest global control value the counters.
    public init?(inferredFrom events: some Sequence<TraceEvent>) {
        var control: UInt64 = 0
        var highest = -1
        var highestFixed = -1
        var flavour: Flavour?
        for event in events {
            guard event.kind == .writeMSR || event.kind == .readMSR else { continue }
            switch event.register {
            case MSR.globalControl:
                flavour = .intel
                if event.kind == .writeMSR { control |= event.value }
            case MSR.amdGlobalControl:
                flavour = .amdV2
                if event.kind == .writeMSR { control |= event.value }
            case 0xc001_0200..<0xc001_020c:
                if flavour == nil { flavour = .amdCoreExt }
            case 0x186..<0x18e: highest = max(highest, Int(event.register) - 0x186)
            case 0x309..<0x319: highestFixed = max(highestFixed, Int(event.register) - 0x309)
            default: break
            }
        }
        guard let flavour else { return nil }
        let gp = (control & 0xffff_ffff).nonzeroBitCount
        switch flavour {
        case .intel:
            self.init(
                flavour: .intel, gp: max(gp, highest + 1, 1),
                fixed: max((control >> 32 & 0xffff).nonzeroBitCount, highestFixed + 1))
        case .amdCoreExt: self.init(flavour: .amdCoreExt, gp: 6, fixed: 0)
        case .amdV2: self.init(flavour: .amdV2, gp: gp == 0 ? 6 : gp, fixed: 0)
        }
    }
}
