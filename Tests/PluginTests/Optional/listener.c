/* Hears everything a policy may hear and says so by asking for a pCPU's timer; lets no flexible event of the host in. */
#include <errno.h>
#include <stdlib.h>

#include "vpmu_policy.h"

static struct vpmu_host host;
static uint32_t priorities[4096];
static int32_t vcpus[4096];

static void *create(const struct vpmu_pmu *pmu, const struct vpmu_host *with)
{
    static int self;
    (void)pmu;
    host = *with;
    return &self;
}
static void add_task(void *self, uint32_t task) { (void)self, (void)task; }
static void create_event(void *self, uint32_t event, const struct vpmu_event_spec *spec)
{
    (void)self;
    priorities[event % 4096] = spec->priority;
    vcpus[event % 4096] = spec->vcpu;
}
static void event_only(void *self, uint32_t event) { (void)self, (void)event; }
static void set_period(void *self, uint32_t event, uint64_t period) { (void)self, (void)event, (void)period; }
static void switch_task(void *self, uint32_t pcpu, int32_t task) { (void)self, (void)pcpu, (void)task; }
static int rotate(void *self, uint32_t pcpu) { (void)self, (void)pcpu; return 0; }
static void load_guest(void *self, uint32_t pcpu, uint32_t vcpu) { (void)self, (void)pcpu, (void)vcpu; }
static uint32_t rotate_necessary(void *self, uint32_t pcpu) { (void)self, (void)pcpu; return 0; }

static int admit(void *self, uint32_t event)
{
    (void)self;
    return vcpus[event % 4096] < 0 && priorities[event % 4096] == VPMU_FLEXIBLE ? -EBUSY : 0;
}
static void heard(uint32_t pcpu, unsigned times)
{
    while (times--) host.timer_wanted(host.context, pcpu);
}
static void overflow(void *self, uint32_t pcpu, uint32_t event) { (void)self, (void)event; heard(pcpu, 1); }
static void enter_guest(void *self, uint32_t pcpu, uint32_t vcpu) { (void)self, (void)vcpu; heard(pcpu, 2); }
static void exit_guest(void *self, uint32_t pcpu, uint32_t vcpu) { (void)self, (void)vcpu; heard(pcpu, 3); }
static void create_vm(void *self, uint32_t vm) { (void)self, (void)vm; heard(0, 4); }
static void destroy_vm(void *self, uint32_t vm) { (void)self, (void)vm; heard(0, 5); }
static void pcpu_offline(void *self, uint32_t pcpu) { (void)self; heard(pcpu, 6); }

static const struct vpmu_policy policy = {
    .abi = VPMU_POLICY_ABI,
#ifdef FIRST_RELEASE
    .size = VPMU_POLICY_SIZE_1,
#else
    .size = sizeof policy,
#endif
    .name = "listener", .create = create, .add_task = add_task, .create_event = create_event, .install = event_only,
    .enable = event_only, .disable = event_only, .remove = event_only, .set_period = set_period, .read = event_only,
    .switch_task = switch_task, .rotate = rotate, .load_guest = load_guest, .put_guest = event_only,
    .rotate_necessary = rotate_necessary, .admit = admit, .overflow = overflow, .enter_guest = enter_guest,
    .exit_guest = exit_guest, .create_vm = create_vm, .destroy_vm = destroy_vm, .pcpu_offline = pcpu_offline,
};

const struct vpmu_policy *vpmu_policy_entry(void) { return &policy; }
