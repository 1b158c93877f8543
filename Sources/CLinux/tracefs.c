#define _GNU_SOURCE
#include "clinux_tracefs.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

// Absent from older C libraries; the numbers are part of the system calls' contract.
#ifndef SYS_fsopen
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#define OPEN_CLOEXEC 1u
#define CONFIG_CREATE 6u
#define MOUNT_CLOEXEC 1u

int clinux_tracefs_detached(void) {
    int context = (int)syscall(SYS_fsopen, "tracefs", OPEN_CLOEXEC);
    if (context < 0) return -errno;
    int mount = -1;
    int error = 0;
    if (syscall(SYS_fsconfig, context, CONFIG_CREATE, (void *)0, (void *)0, 0) < 0) {
        error = -errno;
    } else {
        mount = (int)syscall(SYS_fsmount, context, MOUNT_CLOEXEC, 0);
        if (mount < 0) error = -errno;
    }
    close(context);
    return mount < 0 ? error : mount;
}
