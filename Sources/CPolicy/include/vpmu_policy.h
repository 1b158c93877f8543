/*
 * vpmu's interface for policies as code, version 1.
 *
 * A policy decides who holds which physical counter. It is a shared object that exports one function,
 * vpmu_policy_entry(), which answers with a table of functions. vpmu loads it in a process of its own, tells it one
 * operation at a time, and hears by the callbacks of struct vpmu_host what follows from it: the steps, in the order in
 * which a kernel would carry them out. There is no clock, no file and no network: the process may compute and allocate
 * memory, and is killed when it tries anything else, breaks a law or answers too late.
 *
 *     cc -shared -fPIC -O2 -I DIRECTORY-OF-THIS-FILE -o mine.so mine.c
 *     vpmu replay --policy ./mine.so host.vpt
 *
 * Numbers. pCPUs, tasks and events are numbered from 0 in the order in which they are made known; numbers are never
 * reused. Counters: 0 to 31 general-purpose, 32 + n fixed counter n, as in GLOBAL_CTRL. Periods are in events.
 *
 * Laws. A counter has one holder (a pair event holds n and n + 1). start and stop happen between section_begin and
 * section_end of their pCPU. An event that is ACTIVE at section_end holds a counter of its mask, any other holds none.
 * A group is on whole or not at all, members that are off excepted. Only pinned events go to ERROR. While a guest holds
 * the PMU (load_guest) nothing starts on that pCPU. The same operations give the same steps.
 *
 * Structures grow at the end only; `size` says how much of them the other side knows.
 */
#ifndef VPMU_POLICY_H
#define VPMU_POLICY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VPMU_POLICY_ABI 1u

/* enum perf_event_state of include/linux/perf_event.h */
enum vpmu_state {
    VPMU_ACTIVE = 1,
    VPMU_INACTIVE = 0,
    VPMU_OFF = -1,
    VPMU_ERROR = -2,
    VPMU_EXITED = -3
};

enum vpmu_priority { VPMU_PINNED = 0, VPMU_FLEXIBLE = 1 };

/* attr.exclude_host and attr.exclude_guest; who holds a counter does not depend on it. */
enum vpmu_exclusion { VPMU_EXCLUDES_NOBODY = 0, VPMU_EXCLUDES_HOST = 1, VPMU_EXCLUDES_GUEST = 2 };

enum vpmu_kind {
    VPMU_PLAIN = 0,
    VPMU_OVERLAP = 1,  /* EVENT_CONSTRAINT_OVERLAP */
    VPMU_PAIR = 2,     /* takes counter n and n + 1 */
    VPMU_EXCLUSIVE = 3 /* bars its counter to the sibling hyper-thread */
};

/* The PMU that every pCPU has. */
struct vpmu_pmu {
    uint32_t size;
    uint32_t pcpus;
    uint32_t gp;
    uint32_t fixed;
    uint32_t gpmax; /* general-purpose placements the kernel's solver may make */
};

/* What perf_event_open() or KVM asked for. */
struct vpmu_event_spec {
    uint32_t size;
    uint32_t leader; /* the group's leader; the event's own number if it leads or is alone */
    uint64_t config; /* raw event select without its enable bit */
    uint64_t mask;   /* the counters that may hold the event */
    uint32_t weight; /* the solver's weight: usually the number of counters in the mask */
    uint32_t kind;
    uint32_t priority;
    uint32_t exclusion;
    int32_t pcpu;    /* the pCPU it counts on, -1 for a task's event */
    int32_t task;    /* the task it follows, -1 for a pCPU's event */
    uint64_t period; /* events between interrupts, 0 for counting */
    int32_t vcpu;    /* the vCPU whose guest asked for it, -1 for the host's own */
    uint32_t virtual_counter; /* the counter that guest programmed */
};

/* What a policy tells; valid while one of its functions runs. `context` is the first argument of each. */
struct vpmu_host {
    uint32_t size;
    void *context;
    /* The pCPU's PMU stops for changes, and runs again with all of them in force. */
    void (*section_begin)(void *context, uint32_t pcpu);
    void (*section_end)(void *context, uint32_t pcpu);
    /* The event holds the counter, armed with what is left of its period; respectively no longer does. */
    void (*start)(void *context, uint32_t pcpu, uint32_t event, uint32_t counter);
    void (*stop)(void *context, uint32_t pcpu, uint32_t event, uint32_t counter);
    /* The running event's counter is read. */
    void (*read)(void *context, uint32_t pcpu, uint32_t event, uint32_t counter);
    /* The event's sample period was replaced. */
    void (*period)(void *context, uint32_t event, uint64_t period);
    /* perf's state of the event changed; pcpu is -1 where its task is not running. */
    void (*state)(void *context, int32_t pcpu, uint32_t event, int32_t state);
    /* A flexible group did not fit: the multiplexing timer of the pCPU must run. */
    void (*timer_wanted)(void *context, uint32_t pcpu);
};

struct vpmu_policy {
    uint32_t abi;  /* VPMU_POLICY_ABI */
    uint32_t size; /* sizeof(struct vpmu_policy) */
    const char *name;
    /* Answers with the policy's own state, handed to every other function; NULL if it cannot work on this PMU. */
    void *(*create)(const struct vpmu_pmu *pmu, const struct vpmu_host *host);
    /* A task that may have events. */
    void (*add_task)(void *self, uint32_t task);
    /* An event was made; it takes part from its leader's install on. */
    void (*create_event)(void *self, uint32_t event, const struct vpmu_event_spec *spec);
    /* A leader and its group are installed and enabled: a lone event enabled from its creation, a group once whole. */
    void (*install)(void *self, uint32_t leader);
    void (*enable)(void *self, uint32_t event);
    void (*disable)(void *self, uint32_t event);
    /* A group's events are closed, its members before its leader. */
    void (*remove)(void *self, uint32_t leader);
    void (*set_period)(void *self, uint32_t event, uint64_t period);
    void (*read)(void *self, uint32_t event);
    /* The pCPU switches to a task that has events, or to one that has none (-1). */
    void (*switch_task)(void *self, uint32_t pcpu, int32_t task);
    /* The multiplexing timer fired. Answers whether it goes on. */
    int (*rotate)(void *self, uint32_t pcpu);
    /* A guest takes the whole PMU of the pCPU, and gives it back. */
    void (*load_guest)(void *self, uint32_t pcpu, uint32_t vcpu);
    void (*put_guest)(void *self, uint32_t pcpu);
    /* Whether multiplexing is needed: bit 0 for the pCPU's own events, bit 1 for the current task's. */
    uint32_t (*rotate_necessary)(void *self, uint32_t pcpu);
    /*
     * From here on functions may be NULL, or left out by a smaller `size`: what they tell is then not told.
     *
     * Whether an event that was just made may be at all: 0, or -EBUSY, -EOPNOTSUPP or -EINVAL, which its user gets to
     * see. An event that is refused is never installed, and its group with it.
     */
    int (*admit)(void *self, uint32_t event);
    /* The counter of a running event ran out and raised its interrupt. */
    void (*overflow)(void *self, uint32_t pcpu, uint32_t event);
    /* A vCPU whose counters are events of the host enters its guest on the pCPU, and leaves it. */
    void (*enter_guest)(void *self, uint32_t pcpu, uint32_t vcpu);
    void (*exit_guest)(void *self, uint32_t pcpu, uint32_t vcpu);
    /* A virtual machine comes and goes. */
    void (*create_vm)(void *self, uint32_t vm);
    void (*destroy_vm)(void *self, uint32_t vm);
    /* The pCPU goes offline; its own events are removed afterwards. */
    void (*pcpu_offline)(void *self, uint32_t pcpu);
};

/* What a policy of the first release of this interface knows of struct vpmu_policy. */
#define VPMU_POLICY_SIZE_1 offsetof(struct vpmu_policy, admit)

/* The one symbol a policy exports. */
const struct vpmu_policy *vpmu_policy_entry(void);

#ifdef __cplusplus
}
#endif
#endif
