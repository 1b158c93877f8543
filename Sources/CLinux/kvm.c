#define _GNU_SOURCE
#include "clinux_kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int result(long value) { return value < 0 ? -errno : (int)value; }

int clinux_vm_create(void *memory, uint64_t bytes, int *kvm, int *vm) {
    *kvm = *vm = -1;
    int device = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (device < 0) return -errno;
    int machine = ioctl(device, KVM_CREATE_VM, 0UL);
    int error = machine < 0 ? -errno : 0;
    if (!error) {
        // Intel without "unrestricted guest" runs real mode behind a task state segment: give it three pages far
        // from our memory. Others ignore it.
        (void)ioctl(machine, KVM_SET_TSS_ADDR, 0xfffbd000UL);
        struct kvm_userspace_memory_region region = {
            .slot = 0, .guest_phys_addr = 0, .memory_size = bytes, .userspace_addr = (uint64_t)(uintptr_t)memory};
        if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) < 0) error = -errno;
    }
    if (error) {
        if (machine >= 0) close(machine);
        close(device);
        return error;
    }
    *kvm = device;
    *vm = machine;
    return 0;
}

int clinux_vm_add_apic(int vm) { return ioctl(vm, KVM_CREATE_IRQCHIP, 0UL) < 0 ? -errno : 0; }

int clinux_vcpu_create(int kvm, int vm, uint32_t id, struct clinux_vcpu *out) {
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < 0) return -errno;
    int fd = ioctl(vm, KVM_CREATE_VCPU, (unsigned long)id);
    if (fd < 0) return -errno;
    void *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (run == MAP_FAILED) {
        int error = -errno;
        close(fd);
        return error;
    }
    out->fd = fd;
    out->run = run;
    out->run_bytes = (uint64_t)size;
    return 0;
}

int clinux_vcpu_set_cpuid(int kvm, int vcpu) {
    enum { ENTRIES = 256 };
    struct kvm_cpuid2 *table = calloc(1, sizeof *table + ENTRIES * sizeof(struct kvm_cpuid_entry2));
    if (!table) return -ENOMEM;
    table->nent = ENTRIES;
    int error = 0;
    if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, table) < 0 || ioctl(vcpu, KVM_SET_CPUID2, table) < 0) error = -errno;
    free(table);
    return error;
}

void clinux_vcpu_close(struct clinux_vcpu *vcpu) {
    munmap(vcpu->run, (size_t)vcpu->run_bytes);
    close(vcpu->fd);
}

int clinux_vcpu_reset(int vcpu, uint16_t instruction, uint16_t stack, uint16_t data_segment) {
    struct kvm_sregs sregs;
    if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0) return -errno;
    sregs.cs.base = sregs.ss.base = 0;
    sregs.cs.selector = sregs.ss.selector = 0;
    sregs.ds.base = (uint64_t)data_segment << 4;
    sregs.ds.selector = data_segment;
    if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0) return -errno;
    struct kvm_mp_state runnable = {.mp_state = KVM_MP_STATE_RUNNABLE};
    (void)ioctl(vcpu, KVM_SET_MP_STATE, &runnable);
    struct kvm_regs regs = {.rip = instruction, .rsp = stack, .rflags = 2};
    return result(ioctl(vcpu, KVM_SET_REGS, &regs));
}

int clinux_vcpu_data_segment(int vcpu, uint16_t *out) {
    struct kvm_sregs sregs;
    if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0) return -errno;
    *out = sregs.ds.selector;
    return 0;
}

int clinux_vcpu_run(const struct clinux_vcpu *vcpu, struct clinux_exit *out) {
    *out = (struct clinux_exit){.kind = CLINUX_EXIT_OTHER};
    if (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
        if (errno != EINTR && errno != EAGAIN) return -errno;
        out->kind = CLINUX_EXIT_INTERRUPTED;
        return 0;
    }
    const struct kvm_run *run = vcpu->run;
    out->reason = run->exit_reason;
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            out->kind = CLINUX_EXIT_OUT;
            out->port = run->io.port;
        }
        break;
    case KVM_EXIT_HLT:
        out->kind = CLINUX_EXIT_HALT;
        break;
    case KVM_EXIT_INTR:
        out->kind = CLINUX_EXIT_INTERRUPTED;
        break;
    case KVM_EXIT_INTERNAL_ERROR:
        out->detail = run->internal.suberror;
        break;
    case KVM_EXIT_FAIL_ENTRY:
        out->detail = (uint32_t)run->fail_entry.hardware_entry_failure_reason;
        break;
    default:
        break;
    }
    return 0;
}
