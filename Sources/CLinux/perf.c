#define _GNU_SOURCE
#include "clinux_perf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Absent from kernel headers before 6.0; the number is part of the system call's contract.
#define FORMAT_LOST (1u << 4)

static int result(long value) { return value < 0 ? -errno : (int)value; }

int clinux_perf_open(const struct clinux_perf_request *request) {
    struct perf_event_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.type = PERF_TYPE_TRACEPOINT;
    attr.size = PERF_ATTR_SIZE_VER5;
    attr.config = request->tracepoint;
    attr.sample_period = 1;
    attr.sample_type = PERF_SAMPLE_TIME | PERF_SAMPLE_RAW;
    attr.read_format = request->count_lost ? FORMAT_LOST : 0;
    attr.disabled = 1;
    attr.watermark = 1;
    attr.wakeup_watermark = request->wakeup_bytes;
    attr.use_clockid = 1;
    attr.clockid = CLOCK_MONOTONIC;
    attr.write_backward = request->write_backward ? 1 : 0;
    return result(syscall(SYS_perf_event_open, &attr, -1, request->cpu, -1, PERF_FLAG_FD_CLOEXEC));
}

int clinux_perf_enable(int fd) { return result(ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)); }

int clinux_perf_disable(int fd) { return result(ioctl(fd, PERF_EVENT_IOC_DISABLE, 0)); }

int clinux_perf_set_output(int fd, int target) { return result(ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, target)); }

int clinux_perf_set_filter(int fd, const char *filter) { return result(ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter)); }

int clinux_perf_pause_output(int fd, int paused) { return result(ioctl(fd, PERF_EVENT_IOC_PAUSE_OUTPUT, paused)); }

int clinux_perf_read(int fd, int count_lost, struct clinux_perf_count *out) {
    uint64_t words[2] = {0, 0};
    ssize_t wanted = count_lost ? 16 : 8;
    ssize_t got = read(fd, words, (size_t)wanted);
    if (got < 0) return -errno;
    if (got != wanted) return -EIO;
    out->made = words[0];
    out->lost = count_lost ? words[1] : 0;
    return 0;
}

void *clinux_perf_map(int fd, uint64_t data_bytes, int read_only, int *error) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *map = mmap(NULL, page + data_bytes, PROT_READ | (read_only ? 0 : PROT_WRITE), MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        *error = -errno;
        return NULL;
    }
    *error = 0;
    return map;
}

int clinux_perf_unmap(void *page, uint64_t data_bytes) {
    return result(munmap(page, (size_t)sysconf(_SC_PAGESIZE) + data_bytes));
}

uint64_t clinux_perf_data_offset(const void *page) {
    uint64_t offset = ((const struct perf_event_mmap_page *)page)->data_offset;
    // Zero before Linux 4.1, where the data follows the header page.
    return offset ? offset : (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t clinux_perf_head(const void *page) {
    return __atomic_load_n(&((const struct perf_event_mmap_page *)page)->data_head, __ATOMIC_ACQUIRE);
}

void clinux_perf_set_tail(void *page, uint64_t tail) {
    __atomic_store_n(&((struct perf_event_mmap_page *)page)->data_tail, tail, __ATOMIC_RELEASE);
}
