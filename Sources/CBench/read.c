#include "cbench.h"

enum { BLOCK = 512, LINE = 8 };

static uint64_t tail(const uint64_t *a, const uint64_t *b, size_t from, size_t to) {
    uint64_t sum = 0;
    for (size_t i = from; i < to; i++) sum += a[i] + b[i];
    return sum;
}

static uint64_t read_plain(const uint64_t *a, const uint64_t *b, size_t count) {
    uint64_t sum = 0;
    size_t i = 0;
    for (; count - i >= BLOCK; i += BLOCK) {
        for (size_t j = 0; j < BLOCK; j++) sum += a[i + j];
        for (size_t j = 0; j < BLOCK; j++) sum += b[i + j];
    }
    return sum + tail(a, b, i, count);
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f")))
#define INLINE static inline __attribute__((always_inline))

AVX2 INLINE uint64_t sum_avx2(const __m256i *s) {
    __m256i all = _mm256_add_epi64(_mm256_add_epi64(s[0], s[1]), _mm256_add_epi64(s[2], s[3]));
    uint64_t lanes[4];
    _mm256_storeu_si256((__m256i *)lanes, all);
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

AVX2 INLINE void add_avx2(__m256i *s, const uint64_t *p) {
    for (int i = 0; i < 4; i++)
        s[i] = _mm256_add_epi64(s[i], _mm256_loadu_si256((const __m256i *)(p + 4 * i)));
}

AVX2 INLINE uint64_t blocks_avx2(const uint64_t *a, const uint64_t *b, size_t count, int prefetch) {
    __m256i s[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
    size_t i = 0;
    for (; count - i >= BLOCK; i += BLOCK) {
        size_t ahead = prefetch && count - i >= 2 * BLOCK ? BLOCK : 0;
        for (size_t j = 0; j < BLOCK; j += 2 * LINE) {
            if (prefetch) __builtin_prefetch(a + i + ahead + j), __builtin_prefetch(a + i + ahead + j + LINE);
            add_avx2(s, a + i + j);
        }
        for (size_t j = 0; j < BLOCK; j += 2 * LINE) {
            if (prefetch) __builtin_prefetch(b + i + ahead + j), __builtin_prefetch(b + i + ahead + j + LINE);
            add_avx2(s, b + i + j);
        }
    }
    return sum_avx2(s) + tail(a, b, i, count);
}

AVX2 static uint64_t read_avx2(const uint64_t *a, const uint64_t *b, size_t count) {
    return blocks_avx2(a, b, count, 0);
}

AVX2 static uint64_t read_avx2_prefetch(const uint64_t *a, const uint64_t *b, size_t count) {
    return blocks_avx2(a, b, count, 1);
}

AVX2 static uint64_t read_avx2_interleaved(const uint64_t *a, const uint64_t *b, size_t count) {
    __m256i s[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
    size_t i = 0;
    for (; count - i >= BLOCK; i += BLOCK) {
        size_t ahead = count - i >= 2 * BLOCK ? BLOCK : 0;
        for (size_t j = 0; j < BLOCK; j += 2 * LINE) {
            const uint64_t *next = j < BLOCK / 2 ? a + i + ahead + 2 * j : b + i + ahead + 2 * (j - BLOCK / 2);
            for (int k = 0; k < 4; k++) __builtin_prefetch(next + k * LINE);
            add_avx2(s, a + i + j);
            add_avx2(s, b + i + j);
        }
    }
    return sum_avx2(s) + tail(a, b, i, count);
}

AVX512 INLINE uint64_t blocks_avx512(const uint64_t *a, const uint64_t *b, size_t count, int prefetch) {
    __m512i s = _mm512_setzero_si512(), t = s;
    size_t i = 0;
    for (; count - i >= BLOCK; i += BLOCK) {
        size_t ahead = prefetch && count - i >= 2 * BLOCK ? BLOCK : 0;
        for (size_t j = 0; j < BLOCK; j += 2 * LINE) {
            if (prefetch) __builtin_prefetch(a + i + ahead + j), __builtin_prefetch(a + i + ahead + j + LINE);
            s = _mm512_add_epi64(s, _mm512_loadu_si512(a + i + j));
            t = _mm512_add_epi64(t, _mm512_loadu_si512(a + i + j + LINE));
        }
        for (size_t j = 0; j < BLOCK; j += 2 * LINE) {
            if (prefetch) __builtin_prefetch(b + i + ahead + j), __builtin_prefetch(b + i + ahead + j + LINE);
            s = _mm512_add_epi64(s, _mm512_loadu_si512(b + i + j));
            t = _mm512_add_epi64(t, _mm512_loadu_si512(b + i + j + LINE));
        }
    }
    return (uint64_t)_mm512_reduce_add_epi64(_mm512_add_epi64(s, t)) + tail(a, b, i, count);
}

AVX512 static uint64_t read_avx512(const uint64_t *a, const uint64_t *b, size_t count) {
    return blocks_avx512(a, b, count, 0);
}

AVX512 static uint64_t read_avx512_prefetch(const uint64_t *a, const uint64_t *b, size_t count) {
    return blocks_avx512(a, b, count, 1);
}
#endif

int cbench_supports(int kernel) {
    switch (kernel) {
    case CBENCH_READ_PLAIN:
        return 1;
#if defined(__x86_64__)
    case CBENCH_READ_AVX2:
    case CBENCH_READ_AVX2_PREFETCH:
    case CBENCH_READ_AVX2_INTERLEAVED:
        return __builtin_cpu_supports("avx2") != 0;
    case CBENCH_READ_AVX512:
    case CBENCH_READ_AVX512_PREFETCH:
        return __builtin_cpu_supports("avx512f") != 0;
#endif
    default:
        return 0;
    }
}

uint64_t cbench_read_columns(const uint64_t *a, const uint64_t *b, size_t count, int kernel) {
    switch (kernel) {
#if defined(__x86_64__)
    case CBENCH_READ_AVX2:
        return read_avx2(a, b, count);
    case CBENCH_READ_AVX2_PREFETCH:
        return read_avx2_prefetch(a, b, count);
    case CBENCH_READ_AVX2_INTERLEAVED:
        return read_avx2_interleaved(a, b, count);
    case CBENCH_READ_AVX512:
        return read_avx512(a, b, count);
    case CBENCH_READ_AVX512_PREFETCH:
        return read_avx512_prefetch(a, b, count);
#endif
    default:
        return read_plain(a, b, count);
    }
}
