/// How an APIC delivers an interrupt, by bits 8 to 10 of the mode: the words of `kvm_deliver_mode`,
/// arch/x86/kvm/trace.h, v6.18.
public enum DeliveryMode {
    public static let names = ["Fixed", "LowPrio", "SMI", "Res3", "NMI", "INIT", "SIPI", "ExtINT"]
}
