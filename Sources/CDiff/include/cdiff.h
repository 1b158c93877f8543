#pragma once
#include <stddef.h>
#include <stdint.h>

/// When two values count as the same: their distance is at most `absolute`, or at most
/// floor(max(a, b) * relative / 2^32). Integers only, so that every instruction set answers alike.
typedef struct {
    uint64_t absolute;
    uint32_t relative;
} cdiff_tolerance;

/// What one pass over two columns found. Merging the results of neighbouring ranges is commutative but for `first`.
typedef struct {
    /// Elements beyond the tolerance.
    uint64_t differing;
    /// Greatest distance, tolerated or not.
    uint64_t max;
    /// Sum of all distances, tolerated or not: 128 bits.
    uint64_t sum_low;
    uint64_t sum_high;
    /// Index of the first element beyond the tolerance; UINT64_MAX where there is none.
    uint64_t first;
} cdiff_result;

/// The instruction sets a kernel exists for, in rising order of preference.
typedef enum {
    CDIFF_PORTABLE = 0,
    CDIFF_AVX2 = 1,
    CDIFF_AVX512 = 2,
} cdiff_isa;

/// Whether this CPU and operating system run the kernel of `isa`. Values outside the enumeration: no.
int cdiff_supports(int isa);

/// Compares `count` elements of `a` and `b`, which need the alignment of uint64_t only, with the kernel of `isa`.
/// The caller has asked cdiff_supports. A pass reads each element once, front to back.
cdiff_result cdiff_columns(const uint64_t *a, const uint64_t *b, size_t count, cdiff_tolerance tolerance, int isa);
