/// Addresses of the model-specific registers that performance counters live in.
///
/// Intel: SDM volume 4, table 2-2. AMD: APM volume 2, appendix A, and the PPRs' PerfMonV2 chapter.
public enum MSR {
    public static let intelCounter: UInt32 = 0xc1
    public static let intelFullWidthCounter: UInt32 = 0x4c1
    public static let intelEventSelect: UInt32 = 0x186
    public static let intelFixedCounter: UInt32 = 0x309
    public static let debugControl: UInt32 = 0x1d9
    public static let perfCapabilities: UInt32 = 0x345
    public static let fixedControl: UInt32 = 0x38d
    public static let globalStatus: UInt32 = 0x38e
    public static let globalControl: UInt32 = 0x38f
    public static let globalOverflowControl: UInt32 = 0x390
    public static let globalStatusSet: UInt32 = 0x391
    public static let globalInUse: UInt32 = 0x392
    public static let pebsEnable: UInt32 = 0x3f1
    public static let pebsDataConfig: UInt32 = 0x3f2
    public static let dsArea: UInt32 = 0x600
    public static let amdLegacyControl: UInt32 = 0xc001_0000
    public static let amdLegacyCounter: UInt32 = 0xc001_0004
    public static let amdControl: UInt32 = 0xc001_0200
    public static let amdCounter: UInt32 = 0xc001_0201
    public static let amdGlobalStatus: UInt32 = 0xc000_0300
    public static let amdGlobalControl: UInt32 = 0xc000_0301
    public static let amdGlobalStatusClear: UInt32 = 0xc000_0302
    public static let amdGlobalStatusSet: UInt32 = 0xc000_0303
}
