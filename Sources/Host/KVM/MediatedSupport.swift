import PMU

extension ProcessorModel {
    /// Whether Linux offers mediated vPMU on this processor: Intel needs perfmon version 4, for GLOBAL_STATUS_SET, and
    /// full-width writes (`intel_pmu_is_mediated_pmu_supported()`, arch/x86/kvm/vmx/pmu_intel.c, 7.x; VMX's own
    /// controls are not in the model), AMD needs PerfMonV2 (`amd_pmu_is_mediated_pmu_supported()`, svm/pmu.c, 7.x).
    public var supportsMediatedPMU: Bool {
        flavour == .intel ? version >= 4 && fullWidthWrites : flavour == .amdV2
    }
}
