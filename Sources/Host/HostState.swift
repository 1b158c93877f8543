import PMU
import Policy

// The state of a `HostMachine`; outside of it for the reason that the state of a `CounterScheduler` is.

/// What the host keeps of a vCPU.
struct HostVCPU {
    var pmu: VirtualPMU
    var task: TaskID
    /// The pCPU its thread is current on, -1 if none.
    var pcpu = -1
    /// KVM_REQ_PMU is pending.
    var requested = false
    /// The thread was switched out and in again: unused events go at the next entry (`need_cleanup`).
    var needsCleanup = false
    /// The last exit went back without leaving the run loop.
    var inRunLoop = false
    var enabledMask: UInt64 = 0
    /// Counters the guest knows it cannot have, however it was told.
    var told: UInt64 = 0
    var counts = OperationCounts()
    /// Goes up with every change of `enabledMask` or of a control register.
    var programming: UInt64 = 0
}

/// What became of a host event.
struct InstalledHostEvent {
    var event: EventID?
    var refused = false
}

/// Whether a VM was let in.
enum VMPower { case absent, running, refused }
