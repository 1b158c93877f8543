// perf_event_open(2) for tracepoints, and the ring it shares with the kernel.
#pragma once
#include <stdint.h>

struct clinux_perf_request {
    uint64_t tracepoint;     // the number in the tracepoint's `id` file
    int32_t cpu;             // the CPU to watch, whatever runs there
    uint32_t wakeup_bytes;   // wake a poller when this much has been written
    uint8_t count_lost;      // ask for PERF_FORMAT_LOST (Linux 6.0)
    uint8_t write_backward;  // for a ring that is overwritten and read once
};

// Opens a disabled event that samples every hit as PERF_SAMPLE_TIME | PERF_SAMPLE_RAW on CLOCK_MONOTONIC.
// Returns a close-on-exec descriptor.
int clinux_perf_open(const struct clinux_perf_request *request);

int clinux_perf_enable(int fd);
int clinux_perf_disable(int fd);
// Sends the event's records to the ring of `target`, an event of the same CPU.
int clinux_perf_set_output(int fd, int target);
// In-kernel filter expression of the tracepoint's fields.
int clinux_perf_set_filter(int fd, const char *filter);
int clinux_perf_pause_output(int fd, int paused);

struct clinux_perf_count {
    uint64_t made;  // times the event fired after its filter, whether or not the record found room
    uint64_t lost;  // records of this event that found no room; 0 unless count_lost was asked for
};
int clinux_perf_read(int fd, int count_lost, struct clinux_perf_count *out);

// The ring: one header page, then `data_bytes` (a power of two times the page size).
void *clinux_perf_map(int fd, uint64_t data_bytes, int read_only, int *error);
int clinux_perf_unmap(void *page, uint64_t data_bytes);

// Where the data begins behind the header page.
uint64_t clinux_perf_data_offset(const void *page);

// The kernel's write position; everything before it may be read after this call.
uint64_t clinux_perf_head(const void *page);
// Tells the kernel that everything before `tail` has been read.
void clinux_perf_set_tail(void *page, uint64_t tail);

enum {
    CLINUX_PERF_RECORD_LOST = 2,
    CLINUX_PERF_RECORD_THROTTLE = 5,
    CLINUX_PERF_RECORD_SAMPLE = 9,
};
