// Descriptors for things that are usually waited for in other ways, and a child that waits for nobody.
#pragma once
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

// SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2: blocks them for this thread, and keeps in `*before` what was blocked.
int clinux_block_signals(sigset_t *before);
// Blocks for this thread what was blocked before.
int clinux_restore_signals(const sigset_t *before);
// A descriptor that becomes readable when one of them arrives while it is blocked, or has arrived already.
int clinux_signal_descriptor(void);
// The number of the next signal that arrived, 0 when there is none.
int clinux_next_signal(int fd);

// A timer that becomes readable every `nanoseconds` (0: never).
int clinux_timer_descriptor(uint64_t nanoseconds);
// Takes the timer's ticks since the last call.
uint64_t clinux_timer_ticks(int fd);

// A descriptor that becomes readable when the process ends.
int clinux_process_descriptor(pid_t pid);

// Starts `arguments[0]` (found in PATH) with this process's descriptors 0, 1, 2, environment and a clear signal mask.
// Answers its process id.
int clinux_spawn(char *const arguments[]);
// The wait status once the child has ended, or -ECHILD and friends.
int clinux_wait(pid_t pid, int *status);

// epoll, one level deep: `tag` comes back with each descriptor that is ready.
int clinux_epoll(void);
int clinux_epoll_add(int epoll, int fd, uint64_t tag);
int clinux_epoll_remove(int epoll, int fd);
struct clinux_ready {
    uint64_t tag;
    uint32_t hung_up;
};
// Waits at most `milliseconds` (-1: for ever); answers how many of `ready` were filled, 0 also when a signal interrupted it.
int clinux_epoll_wait(int epoll, struct clinux_ready *ready, int capacity, int milliseconds);

// Allows as many open descriptors as the hard limit permits; answers the limit now in force.
int64_t clinux_raise_descriptor_limit(void);

// Names the calling thread (15 bytes at most).
int clinux_name_thread(const char *name);
int32_t clinux_thread_id(void);

// Gives up every capability of this thread, effective, permitted and inheritable.
int clinux_drop_capabilities(void);

/// Lets the C library keep what is freed, up to `bytes`, for what is allocated next, instead of giving it back to the kernel.
void clinux_keep_memory(int bytes);
