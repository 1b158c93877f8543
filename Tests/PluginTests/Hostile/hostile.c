/* Policies that must be contained; which one is chosen with -DCRIME=... */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "vpmu_policy.h"

enum {
    SEGFAULT, ENDLESS_LOOP, DOUBLE_BOOKING, FORK_BOMB, WRONG_ABI, ABORTS, EXITS, WRITES_FILE, OPEN_SECTION, NO_SUCH_EVENT,
    NO_SUCH_COUNTER, FLOOD, GARBAGE, NO_TABLE, SLEEPS, KILLS_PARENT, LOADS_CRASHING
};

static struct vpmu_host host;

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
    (void)self, (void)event, (void)spec;
}
static void start(uint32_t event, uint32_t counter)
{
    host.state(host.context, 0, event, VPMU_ACTIVE);
    host.start(host.context, 0, event, counter);
}
static void install(void *self, uint32_t event)
{
    volatile int *nowhere = NULL;
    static char garbage[64];
    (void)self;
    switch (CRIME) {
    case SEGFAULT: *nowhere = 1; break;
    case ENDLESS_LOOP: for (volatile int i = 0;; i++) {}
    case SLEEPS: sleep(1000); break;
    case FORK_BOMB: for (;;) fork();
    case ABORTS: abort();
    case EXITS: exit(7);
    case KILLS_PARENT: kill(getppid(), 9); break;
    case WRITES_FILE: fopen("/tmp/vpmu-hostile-was-here", "w"); break;
    case GARBAGE: write(3, garbage, sizeof garbage); break;
    case FLOOD: for (;;) host.timer_wanted(host.context, 0);
    case NO_SUCH_EVENT: host.state(host.context, 0, 12345, VPMU_ACTIVE); break;
    default:
        host.section_begin(host.context, 0);
        start(event, CRIME == NO_SUCH_COUNTER ? 20 : CRIME == DOUBLE_BOOKING ? 1 : event & 3);
        if (CRIME != OPEN_SECTION) host.section_end(host.context, 0);
    }
}
static void ignore(void *self, uint32_t event) { (void)self, (void)event; }
static void set_period(void *self, uint32_t event, uint64_t period) { (void)self, (void)event, (void)period; }
static void switch_task(void *self, uint32_t pcpu, int32_t task) { (void)self, (void)pcpu, (void)task; }
static int rotate(void *self, uint32_t pcpu) { return (void)self, (void)pcpu, 0; }
static void load_guest(void *self, uint32_t pcpu, uint32_t vcpu) { (void)self, (void)pcpu, (void)vcpu; }
static uint32_t rotate_necessary(void *self, uint32_t pcpu) { return (void)self, (void)pcpu, 0; }

static const struct vpmu_policy table = {
    CRIME == WRONG_ABI ? 99 : VPMU_POLICY_ABI, sizeof(struct vpmu_policy), "hostile", create, add_task, create_event,
    install, ignore, ignore, ignore, set_period, ignore, switch_task, rotate, load_guest, ignore, rotate_necessary,
};

const struct vpmu_policy *vpmu_policy_entry(void)
{
    volatile int *nowhere = NULL;
    if (CRIME == LOADS_CRASHING) *nowhere = 1;
    return CRIME == NO_TABLE ? NULL : &table;
}
