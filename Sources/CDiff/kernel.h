#pragma once
#include "include/cdiff.h"

// Columns are read in blocks of 4 KB, the granularity at which hardware prefetchers stop. While a block is computed,
// its first half asks for the next block of `a` and its second half for the next block of `b`: two streams that are
// fetched one after the other reach the bandwidth of one, two interleaved ones do not.
enum {
    CDIFF_LINE = 8,     // elements in a cache line
    CDIFF_BLOCK = 512,  // elements in 4 KB
    // Elements per call of a kernel: few enough that 32-bit halves summed into 64-bit lanes cannot overflow.
    CDIFF_CALL = 1 << 24,
};

#define CDIFF_INLINE static inline __attribute__((always_inline))

/// One kernel: adds what it finds in `count` <= CDIFF_CALL elements to `out`; `base` is the index of a[0].
typedef void cdiff_kernel(const uint64_t *a, const uint64_t *b, size_t count, cdiff_tolerance tolerance, uint64_t base,
                          cdiff_result *out);

cdiff_kernel cdiff_kernel_portable;
cdiff_kernel cdiff_kernel_avx2;
cdiff_kernel cdiff_kernel_avx512;

CDIFF_INLINE uint64_t cdiff_scaled(uint64_t value, uint32_t relative) {
    return (value >> 32) * relative + (((value & 0xffffffffu) * relative) >> 32);
}

CDIFF_INLINE int cdiff_beyond(uint64_t a, uint64_t b, cdiff_tolerance t, uint64_t *distance) {
    uint64_t greater = a > b ? a : b;
    uint64_t d = greater - (a > b ? b : a);
    *distance = d;
    return (d > t.absolute) & (d > cdiff_scaled(greater, t.relative));
}

CDIFF_INLINE void cdiff_add(cdiff_result *out, uint64_t low, uint64_t high) {
    out->sum_low += low;
    out->sum_high += high + (out->sum_low < low);
}

/// Notes where in [from, to) the first element beyond the tolerance is; at least one is.
CDIFF_INLINE void cdiff_find_first(const uint64_t *a, const uint64_t *b, size_t from, size_t to, cdiff_tolerance t,
                                   uint64_t base, cdiff_result *out) {
    for (size_t i = from; i < to; i++) {
        uint64_t distance;
        if (cdiff_beyond(a[i], b[i], t, &distance)) {
            out->first = base + i;
            return;
        }
    }
}

/// Element by element: the ends that fill no vector.
CDIFF_INLINE void cdiff_tail(const uint64_t *a, const uint64_t *b, size_t from, size_t to, cdiff_tolerance t,
                             uint64_t base, cdiff_result *out) {
    for (size_t i = from; i < to; i++) {
        uint64_t distance;
        if (cdiff_beyond(a[i], b[i], t, &distance)) {
            out->differing++;
            if (out->first == UINT64_MAX) out->first = base + i;
        }
        if (distance > out->max) out->max = distance;
        cdiff_add(out, distance, 0);
    }
}

/// The two lines of the next block to ask for while line `line` of this block is computed.
CDIFF_INLINE void cdiff_prefetch(const uint64_t *next_a, const uint64_t *next_b, size_t line) {
    enum { HALF = CDIFF_BLOCK / CDIFF_LINE / 2 };
    const uint64_t *next = line < HALF ? next_a + line * 2 * CDIFF_LINE : next_b + (line - HALF) * 2 * CDIFF_LINE;
    __builtin_prefetch(next);
    __builtin_prefetch(next + CDIFF_LINE);
}
