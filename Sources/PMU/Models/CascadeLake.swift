extension ProcessorModel {
    /// Cascade Lake with hyper-threading: Skylake-SP's counters and tables (`intel_pmu_init()` treats both alike,
    /// arch/x86/events/intel/core.c, v6.12).
    public static let cascadeLake = skylake(name: "cascade-lake", gp: 4)

    /// Cascade Lake with hyper-threading off.
    public static let cascadeLakeWithoutHT = skylake(name: "cascade-lake-noht", gp: 8)
}
