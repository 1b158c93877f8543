#include "kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))

/// Running totals of four lanes. `max` is kept with its top bit flipped, as AVX2 compares 64 bits only as signed.
typedef struct {
    __m256i differing, max, low, high;
} lanes;

TARGET CDIFF_INLINE void step(lanes *s, __m256i a, __m256i b, __m256i absolute, __m256i relative, int scaled) {
    const __m256i top = _mm256_set1_epi64x(INT64_MIN);
    const __m256i half = _mm256_set1_epi64x(0xffffffff);
    __m256i less = _mm256_cmpgt_epi64(_mm256_xor_si256(b, top), _mm256_xor_si256(a, top));
    __m256i distance = _mm256_sub_epi64(_mm256_xor_si256(_mm256_sub_epi64(a, b), less), less);
    __m256i flipped = _mm256_xor_si256(distance, top);
    __m256i beyond = _mm256_cmpgt_epi64(flipped, absolute);
    if (scaled) {
        __m256i greater = _mm256_blendv_epi8(a, b, less);
        __m256i upper = _mm256_mul_epu32(_mm256_srli_epi64(greater, 32), relative);
        __m256i lower = _mm256_srli_epi64(_mm256_mul_epu32(greater, relative), 32);
        __m256i allowed = _mm256_xor_si256(_mm256_add_epi64(upper, lower), top);
        beyond = _mm256_and_si256(beyond, _mm256_cmpgt_epi64(flipped, allowed));
    }
    s->differing = _mm256_sub_epi64(s->differing, beyond);
    s->max = _mm256_blendv_epi8(s->max, flipped, _mm256_cmpgt_epi64(flipped, s->max));
    s->low = _mm256_add_epi64(s->low, _mm256_and_si256(distance, half));
    s->high = _mm256_add_epi64(s->high, _mm256_srli_epi64(distance, 32));
}

TARGET CDIFF_INLINE void line(lanes *s, const uint64_t *a, const uint64_t *b, __m256i absolute, __m256i relative,
                              int scaled) {
    for (int i = 0; i < CDIFF_LINE; i += 4) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(a + i));
        __m256i y = _mm256_loadu_si256((const __m256i *)(b + i));
        step(s, x, y, absolute, relative, scaled);
    }
}

TARGET CDIFF_INLINE void fold(const lanes *s, cdiff_result *out) {
    uint64_t differing[4], max[4], low[4], high[4];
    _mm256_storeu_si256((__m256i *)differing, s->differing);
    _mm256_storeu_si256((__m256i *)max, s->max);
    _mm256_storeu_si256((__m256i *)low, s->low);
    _mm256_storeu_si256((__m256i *)high, s->high);
    for (int i = 0; i < 4; i++) {
        uint64_t lane = max[i] ^ (1ull << 63);
        out->differing += differing[i];
        if (lane > out->max) out->max = lane;
        cdiff_add(out, low[i], 0);
        cdiff_add(out, high[i] << 32, high[i] >> 32);
    }
}

TARGET CDIFF_INLINE void run(const uint64_t *a, const uint64_t *b, size_t count, cdiff_tolerance t, uint64_t base,
                             cdiff_result *out, int scaled) {
    const __m256i top = _mm256_set1_epi64x(INT64_MIN);
    __m256i absolute = _mm256_xor_si256(_mm256_set1_epi64x((int64_t)t.absolute), top);
    __m256i relative = _mm256_set1_epi64x(t.relative);
    lanes s = {_mm256_setzero_si256(), top, _mm256_setzero_si256(), _mm256_setzero_si256()};
    int looking = out->first == UINT64_MAX;
    size_t done = 0;
    while (count - done >= CDIFF_LINE) {
        size_t lines = (count - done < CDIFF_BLOCK ? count - done : CDIFF_BLOCK) / CDIFF_LINE;
        const uint64_t *p = a + done, *q = b + done;
        if (count - done >= 2 * CDIFF_BLOCK) {
            for (size_t i = 0; i < CDIFF_BLOCK / CDIFF_LINE; i++) {
                cdiff_prefetch(p + CDIFF_BLOCK, q + CDIFF_BLOCK, i);
                line(&s, p + i * CDIFF_LINE, q + i * CDIFF_LINE, absolute, relative, scaled);
            }
        } else {
            for (size_t i = 0; i < lines; i++)
                line(&s, p + i * CDIFF_LINE, q + i * CDIFF_LINE, absolute, relative, scaled);
        }
        size_t end = done + lines * CDIFF_LINE;
        if (looking && !_mm256_testz_si256(s.differing, s.differing)) {
            cdiff_find_first(a, b, done, end, t, base, out);
            looking = 0;
        }
        done = end;
    }
    fold(&s, out);
    cdiff_tail(a, b, done, count, t, base, out);
}

TARGET void cdiff_kernel_avx2(const uint64_t *a, const uint64_t *b, size_t count, cdiff_tolerance t, uint64_t base,
                              cdiff_result *out) {
    if (t.relative)
        run(a, b, count, t, base, out, 1);
    else
        run(a, b, count, t, base, out, 0);
}
#endif
