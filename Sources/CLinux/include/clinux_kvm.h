// The few KVM ioctls that a guest of one flat memory in real mode needs.
#pragma once
#include <stdint.h>

// Creates a VM whose physical memory [0, bytes) is `memory` (page aligned). `*kvm` and `*vm` are descriptors to close.
int clinux_vm_create(void *memory, uint64_t bytes, int *kvm, int *vm);

// Gives the VM interrupt controllers in the kernel, before its first vCPU: HLT then waits for an interrupt and makes no exit.
int clinux_vm_add_apic(int vm);

struct clinux_vcpu {
    int fd;
    void *run;  // the state shared with the kernel, `run_bytes` long
    uint64_t run_bytes;
};
// Must be called in the thread that will run the vCPU, or before any vCPU runs.
int clinux_vcpu_create(int kvm, int vm, uint32_t id, struct clinux_vcpu *out);
// Offers the guest every CPUID feature that this KVM supports.
int clinux_vcpu_set_cpuid(int kvm, int vcpu);
void clinux_vcpu_close(struct clinux_vcpu *vcpu);

// Real mode: code and stack segment 0, data segment `data_segment`, interrupts off.
int clinux_vcpu_reset(int vcpu, uint16_t instruction, uint16_t stack, uint16_t data_segment);
// The data segment selector, which the guest's program advances.
int clinux_vcpu_data_segment(int vcpu, uint16_t *out);

enum clinux_exit_kind {
    CLINUX_EXIT_OUT,          // OUT to `port`
    CLINUX_EXIT_HALT,         // HLT
    CLINUX_EXIT_INTERRUPTED,  // a signal arrived
    CLINUX_EXIT_OTHER,        // `reason` and `detail` say what
};
struct clinux_exit {
    enum clinux_exit_kind kind;
    uint16_t port;
    uint32_t reason;  // KVM_EXIT_*
    uint32_t detail;  // suberror of KVM_EXIT_INTERNAL_ERROR, hardware reason of KVM_EXIT_FAIL_ENTRY
};
int clinux_vcpu_run(const struct clinux_vcpu *vcpu, struct clinux_exit *out);
