#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "include/vpmu_policy_host.h"

/*
 * The policy's own process. It may compute, allocate memory, read files (a shared object needs its libraries) and answer
 * its parent; any other system call, fork above all, ends it.
 */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

static void limit(int resource, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(resource, &now) == 0) {
        if (now.rlim_max == RLIM_INFINITY || now.rlim_max > most) now.rlim_max = most;
        now.rlim_cur = now.rlim_max;
        setrlimit(resource, &now);
    }
}

#ifdef ARCHITECTURE
static int filter_system_calls(void)
{
    static const int allowed[] = {
        SYS_read, SYS_write, SYS_close, SYS_fstat, SYS_newfstatat, SYS_lseek, SYS_mmap, SYS_mprotect, SYS_munmap,
        SYS_mremap, SYS_brk, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_pread64,
        SYS_madvise, SYS_futex, SYS_getpid, SYS_gettid, SYS_exit, SYS_exit_group, SYS_clock_gettime, SYS_getrandom,
        SYS_prlimit64, SYS_sched_yield, SYS_clock_nanosleep, SYS_nanosleep, SYS_uname, SYS_faccessat, SYS_readlinkat,
        SYS_getcwd,
#ifdef SYS_access
        SYS_access, SYS_readlink, SYS_open, SYS_stat, SYS_arch_prctl,
#endif
    };
    enum { COUNT = sizeof allowed / sizeof *allowed };
    struct sock_filter program[COUNT * 2 + 16];
    size_t n = 0;
#define STATEMENT(code, k) program[n++] = (struct sock_filter)BPF_STMT(code, k)
#define JUMP(code, k, yes, no) program[n++] = (struct sock_filter)BPF_JUMP(code, k, yes, no)
    STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < COUNT; i++) {
        JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[i], 0, 1);
        STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    /* Files may be opened for reading only. */
    JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3);
    STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2]));
    JUMP(BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 1, 0);
    STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    /* abort() signals its own thread; nobody else may be signalled. */
    STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 3);
    STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]));
    JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 0, 1);
    STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog whole = {(unsigned short)n, program};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole, 0, 0);
}
#else
static int filter_system_calls(void)
{
    limit(RLIMIT_NPROC, 1);
    return 0;
}
#endif

static int isolate(void)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() == 1) return -1;
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_AS, (rlim_t)4 << 30);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
    return filter_system_calls();
}

static void transfer(void *bytes, size_t count, int out)
{
    char *at = bytes;
    while (count) {
        ssize_t done = out ? write(VPMU_WIRE_FD, at, count) : read(VPMU_WIRE_FD, at, count);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) _exit(0);
        at += done;
        count -= (size_t)done;
    }
}

static struct {
    struct vpmu_wire_step *items;
    uint32_t count, room;
} steps;

static void add_step(struct vpmu_wire_step step)
{
    if (steps.count == steps.room) {
        uint32_t room = steps.room ? 2 * steps.room : 256;
        struct vpmu_wire_step *items =
            room > 2 * VPMU_WIRE_MAX_STEPS ? NULL : realloc(steps.items, room * sizeof *items);
        if (!items) _exit(3);
        steps.items = items;
        steps.room = room;
    }
    steps.items[steps.count++] = step;
}

static void on_section_begin(void *context, uint32_t pcpu)
{
    (void)context;
    add_step((struct vpmu_wire_step){VPMU_STEP_SECTION_BEGIN, (int32_t)pcpu, 0, 0, 0});
}
static void on_section_end(void *context, uint32_t pcpu)
{
    (void)context;
    add_step((struct vpmu_wire_step){VPMU_STEP_SECTION_END, (int32_t)pcpu, 0, 0, 0});
}
static void on_start(void *context, uint32_t pcpu, uint32_t event, uint32_t counter)
{
    (void)context;
    add_step((struct vpmu_wire_step){VPMU_STEP_START, (int32_t)pcpu, event, (int32_t)counter, 0});
}
static void on_stop(void *context, uint32_t pcpu, uint32_t event, uint32_t counter)
{
    (void)context;
    add_step((struct vpmu_wire_step){VPMU_STEP_STOP, (int32_t)pcpu, event, (int32_t)counter, 0});
}
static void on_read(void *context, uint32_t pcpu, uint32_t event, uint32_t counter)
{
    (void)context;
    add_step((struct vpmu_wire_step){VPMU_STEP_READ, (int32_t)pcpu, event, (int32_t)counter, 0});
}
static void on_period(void *context, uint32_t event, uint64_t period)
{
    (void)context;
    add_step((struct vpmu_wire_step){VPMU_STEP_PERIOD, -1, event, 0, period});
}
static void on_state(void *context, int32_t pcpu, uint32_t event, int32_t state)
{
    (void)context;
    add_step((struct vpmu_wire_step){VPMU_STEP_STATE, pcpu, event, state, 0});
}
static void on_timer_wanted(void *context, uint32_t pcpu)
{
    (void)context;
    add_step((struct vpmu_wire_step){VPMU_STEP_TIMER_WANTED, (int32_t)pcpu, 0, 0, 0});
}

static const struct vpmu_host callbacks = {
    sizeof(struct vpmu_host), NULL, on_section_begin, on_section_end, on_start, on_stop, on_read, on_period, on_state,
    on_timer_wanted,
};

/* An optional function of the table, NULL where the policy does not have it. */
#define OPTIONAL(policy, function) \
    ((policy)->size >= offsetof(struct vpmu_policy, function) + sizeof (policy)->function ? (policy)->function : NULL)

static uint32_t heard(const struct vpmu_policy *policy)
{
    uint32_t mask = 0;
    if (OPTIONAL(policy, overflow)) mask |= 1u << VPMU_WIRE_OVERFLOW;
    if (OPTIONAL(policy, enter_guest)) mask |= 1u << VPMU_WIRE_ENTER_GUEST;
    if (OPTIONAL(policy, exit_guest)) mask |= 1u << VPMU_WIRE_EXIT_GUEST;
    if (OPTIONAL(policy, create_vm)) mask |= 1u << VPMU_WIRE_CREATE_VM;
    if (OPTIONAL(policy, destroy_vm)) mask |= 1u << VPMU_WIRE_DESTROY_VM;
    if (OPTIONAL(policy, pcpu_offline)) mask |= 1u << VPMU_WIRE_PCPU_OFFLINE;
    return mask;
}

/* Answers the table, or NULL after having said why there is none. */
static const struct vpmu_policy *load(const char *path)
{
    struct vpmu_wire_hello hello = {.magic = VPMU_WIRE_MAGIC};
    const struct vpmu_policy *policy = NULL;
    if (isolate()) {
        hello.status = VPMU_HELLO_CANNOT_ISOLATE;
        strncpy(hello.text, strerror(errno), sizeof hello.text - 1);
    } else {
        void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        const struct vpmu_policy *(*entry)(void) = NULL;
        if (!object) {
            const char *why = dlerror();
            hello.status = VPMU_HELLO_NOT_LOADED;
            strncpy(hello.text, why ? why : "unknown reason", sizeof hello.text - 1);
        } else {
            *(void **)&entry = dlsym(object, "vpmu_policy_entry");
            policy = entry ? entry() : NULL;
            if (!policy) {
                hello.status = VPMU_HELLO_NO_ENTRY;
            } else if (policy->abi != VPMU_POLICY_ABI) {
                hello.status = VPMU_HELLO_WRONG_ABI;
                hello.abi = policy->abi;
                policy = NULL;
            } else if (policy->size < VPMU_POLICY_SIZE_1 || !policy->name || !policy->create || !policy->add_task ||
                       !policy->create_event || !policy->install || !policy->enable || !policy->disable ||
                       !policy->remove || !policy->set_period || !policy->read || !policy->switch_task ||
                       !policy->rotate || !policy->load_guest || !policy->put_guest || !policy->rotate_necessary) {
                hello.status = VPMU_HELLO_INCOMPLETE;
                policy = NULL;
            } else {
                hello.abi = policy->abi;
                hello.optional = heard(policy);
                strncpy(hello.text, policy->name, sizeof hello.text - 1);
            }
        }
    }
    transfer(&hello, sizeof hello, 1);
    return policy;
}

static uint32_t perform(const struct vpmu_policy *policy, void *self, const struct vpmu_wire_request *request)
{
    switch (request->operation) {
    case VPMU_WIRE_ADD_TASK: policy->add_task(self, request->a); return 0;
    case VPMU_WIRE_CREATE_EVENT: {
        int answer;
        policy->create_event(self, request->a, &request->spec);
        if (!OPTIONAL(policy, admit)) return 0;
        answer = policy->admit(self, request->a);
        return answer < 0 ? (uint32_t)-answer : (uint32_t)answer;
    }
    case VPMU_WIRE_INSTALL: policy->install(self, request->a); return 0;
    case VPMU_WIRE_ENABLE: policy->enable(self, request->a); return 0;
    case VPMU_WIRE_DISABLE: policy->disable(self, request->a); return 0;
    case VPMU_WIRE_REMOVE: policy->remove(self, request->a); return 0;
    case VPMU_WIRE_SET_PERIOD: policy->set_period(self, request->a, request->c); return 0;
    case VPMU_WIRE_READ: policy->read(self, request->a); return 0;
    case VPMU_WIRE_SWITCH_TASK: policy->switch_task(self, request->a, request->b); return 0;
    case VPMU_WIRE_ROTATE: return policy->rotate(self, request->a) != 0;
    case VPMU_WIRE_LOAD_GUEST: policy->load_guest(self, request->a, (uint32_t)request->b); return 0;
    case VPMU_WIRE_PUT_GUEST: policy->put_guest(self, request->a); return 0;
    case VPMU_WIRE_OVERFLOW: policy->overflow(self, request->a, (uint32_t)request->b); return 0;
    case VPMU_WIRE_ENTER_GUEST: policy->enter_guest(self, request->a, (uint32_t)request->b); return 0;
    case VPMU_WIRE_EXIT_GUEST: policy->exit_guest(self, request->a, (uint32_t)request->b); return 0;
    case VPMU_WIRE_CREATE_VM: policy->create_vm(self, request->a); return 0;
    case VPMU_WIRE_DESTROY_VM: policy->destroy_vm(self, request->a); return 0;
    case VPMU_WIRE_PCPU_OFFLINE: policy->pcpu_offline(self, request->a); return 0;
    default: _exit(4);
    }
}

int vpmu_policy_serve(const char *path)
{
    const struct vpmu_policy *policy = load(path);
    struct vpmu_wire_request request;
    struct vpmu_pmu pmu = {0};
    uint8_t *flags = NULL;
    void *self = NULL;
    if (!policy) return 1;
    for (;;) {
        struct vpmu_wire_reply reply = {.magic = VPMU_WIRE_MAGIC};
        transfer(&request, sizeof request, 0);
        steps.count = 0;
        if (request.operation == VPMU_WIRE_CREATE) {
            pmu = request.pmu;
            free(flags);
            flags = calloc(pmu.pcpus ? pmu.pcpus : 1, 1);
            self = flags ? policy->create(&pmu, &callbacks) : NULL;
            reply.result = self != NULL;
        } else {
            reply.result = perform(policy, self, &request);
            for (uint32_t i = 0; i < pmu.pcpus; i++) flags[i] = policy->rotate_necessary(self, i) & 3u;
        }
        reply.steps = steps.count;
        reply.pcpus = pmu.pcpus;
        transfer(&reply, sizeof reply, 1);
        transfer(steps.items, steps.count * sizeof *steps.items, 1);
        transfer(flags, pmu.pcpus, 1);
    }
}
