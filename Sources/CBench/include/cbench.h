#pragma once
#include <stddef.h>
#include <stdint.h>

/// How two columns are read when nothing is computed but a sum that keeps the reads alive: the limits that a diff is
/// measured against. Which is fastest differs between machines, so that all are tried.
typedef enum {
    CBENCH_READ_PLAIN = 0,             // 4 KB of a, then 4 KB of b, any CPU
    CBENCH_READ_AVX2 = 1,              // the same with 32-byte loads
    CBENCH_READ_AVX2_PREFETCH = 2,     // and the next block of the same column asked for
    CBENCH_READ_AVX2_INTERLEAVED = 3,  // a and b in turn, the next blocks asked for one after the other
    CBENCH_READ_AVX512 = 4,
    CBENCH_READ_AVX512_PREFETCH = 5,
    CBENCH_READS = 6,
} cbench_read;

/// Whether this CPU can run the kernel.
int cbench_supports(int kernel);

/// Reads `count` elements of both columns with `kernel`; returns their sum modulo 2^64.
uint64_t cbench_read_columns(const uint64_t *a, const uint64_t *b, size_t count, int kernel);
