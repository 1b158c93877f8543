/* Between vpmu and the process that a policy runs in: not for policies. */
#ifndef VPMU_POLICY_HOST_H
#define VPMU_POLICY_HOST_H

#include <stdint.h>
#include <sys/types.h>

#include "vpmu_policy.h"

#define VPMU_WIRE_MAGIC 0x76706d75u
#define VPMU_WIRE_MAX_STEPS (1u << 20)
/* The descriptor by which the child speaks to its parent. */
#define VPMU_WIRE_FD 3

enum vpmu_wire_operation {
    VPMU_WIRE_CREATE,
    VPMU_WIRE_ADD_TASK,
    VPMU_WIRE_CREATE_EVENT,
    VPMU_WIRE_INSTALL,
    VPMU_WIRE_ENABLE,
    VPMU_WIRE_DISABLE,
    VPMU_WIRE_REMOVE,
    VPMU_WIRE_SET_PERIOD,
    VPMU_WIRE_READ,
    VPMU_WIRE_SWITCH_TASK,
    VPMU_WIRE_ROTATE,
    VPMU_WIRE_LOAD_GUEST,
    VPMU_WIRE_PUT_GUEST,
    VPMU_WIRE_OVERFLOW,
    VPMU_WIRE_ENTER_GUEST,
    VPMU_WIRE_EXIT_GUEST,
    VPMU_WIRE_CREATE_VM,
    VPMU_WIRE_DESTROY_VM,
    VPMU_WIRE_PCPU_OFFLINE
};

enum vpmu_wire_step_kind {
    VPMU_STEP_SECTION_BEGIN,
    VPMU_STEP_SECTION_END,
    VPMU_STEP_START,
    VPMU_STEP_STOP,
    VPMU_STEP_READ,
    VPMU_STEP_PERIOD,
    VPMU_STEP_STATE,
    VPMU_STEP_TIMER_WANTED
};

enum vpmu_wire_hello_status {
    VPMU_HELLO_GOOD,
    VPMU_HELLO_NOT_LOADED,
    VPMU_HELLO_NO_ENTRY,
    VPMU_HELLO_WRONG_ABI,
    VPMU_HELLO_INCOMPLETE,
    VPMU_HELLO_CANNOT_ISOLATE
};

/* The child's first words. */
struct vpmu_wire_hello {
    uint32_t magic, status, abi;
    uint32_t optional; /* bit n: operation n, of those a policy need not hear, is heard */
    char text[240]; /* the policy's name, or why it was not loaded; ends with 0 */
};

struct vpmu_wire_request {
    uint32_t operation;
    uint32_t a; /* event, task or pCPU */
    int32_t b;  /* task or vCPU */
    uint32_t reserved;
    uint64_t c; /* period */
    struct vpmu_event_spec spec;
    struct vpmu_pmu pmu;
};

struct vpmu_wire_step {
    uint32_t kind;
    int32_t pcpu;
    uint32_t event;
    int32_t value; /* counter or state */
    uint64_t period;
};

/* Followed by `steps` steps and one byte of rotate_necessary() for each pCPU. */
struct vpmu_wire_reply {
    uint32_t magic, result, steps, pcpus;
};

/* The child: isolates itself, loads the policy at `path` and serves until its parent is gone. Answers an exit status. */
int vpmu_policy_serve(const char *path);

/*
 * The parent: starts `executable` with the words `policy-host PATH` and a socket. Answers 0, or an errno.
 * `descriptor` is the parent's end of the socket.
 */
int vpmu_policy_spawn(const char *executable, const char *path, pid_t *pid, int *descriptor);

/* send(2) without SIGPIPE, all of it; 0 or an errno. */
int vpmu_policy_send(int descriptor, const void *bytes, size_t count);

/* Whether waitpid()'s status is an exit, and of what: the exit status, or minus the signal's number. */
int vpmu_policy_outcome(int status);

#endif
