#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/vpmu_policy_host.h"

int vpmu_policy_spawn(const char *executable, const char *path, pid_t *pid, int *descriptor)
{
    int ends[2], child, failure;
    char *words[] = {(char *)executable, "policy-host", (char *)path, NULL};
    char *environment[] = {"LC_ALL=C", "SWIFT_BACKTRACE=enable=no", NULL};
    posix_spawn_file_actions_t actions;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return errno;
    /* Out of the way of the number it is going to have. */
    child = fcntl(ends[1], F_DUPFD_CLOEXEC, VPMU_WIRE_FD + 1);
    failure = errno;
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return failure;
    }
    failure = posix_spawn_file_actions_init(&actions);
    if (!failure) {
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, child, VPMU_WIRE_FD);
        failure = posix_spawn(pid, executable, &actions, NULL, words, environment);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(child);
    if (failure) {
        close(ends[0]);
        return failure;
    }
    *descriptor = ends[0];
    return 0;
}

int vpmu_policy_send(int descriptor, const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count) {
        ssize_t done = send(descriptor, at, count, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return errno;
        at += done;
        count -= (size_t)done;
    }
    return 0;
}

int vpmu_policy_outcome(int status) { return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status); }
