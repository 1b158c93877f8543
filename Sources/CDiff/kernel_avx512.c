#include "kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f")))

/// Running totals of eight lanes.
typedef struct {
    __m512i differing, max, low, high;
} lanes;

TARGET CDIFF_INLINE void line(lanes *s, const uint64_t *p, const uint64_t *q, __m512i absolute, __m512i relative,
                              int scaled) {
    __m512i a = _mm512_loadu_si512(p);
    __m512i b = _mm512_loadu_si512(q);
    __m512i greater = _mm512_max_epu64(a, b);
    __m512i distance = _mm512_sub_epi64(greater, _mm512_min_epu64(a, b));
    __m512i allowed = absolute;
    if (scaled) {
        __m512i upper = _mm512_mul_epu32(_mm512_srli_epi64(greater, 32), relative);
        __m512i lower = _mm512_srli_epi64(_mm512_mul_epu32(greater, relative), 32);
        allowed = _mm512_max_epu64(allowed, _mm512_add_epi64(upper, lower));
    }
    __mmask8 beyond = _mm512_cmpgt_epu64_mask(distance, allowed);
    s->differing = _mm512_mask_sub_epi64(s->differing, beyond, s->differing, _mm512_set1_epi64(-1));
    s->max = _mm512_max_epu64(s->max, distance);
    s->low = _mm512_add_epi64(s->low, _mm512_and_epi64(distance, _mm512_set1_epi64(0xffffffff)));
    s->high = _mm512_add_epi64(s->high, _mm512_srli_epi64(distance, 32));
}

TARGET CDIFF_INLINE void fold(const lanes *s, cdiff_result *out) {
    uint64_t high[8], low[8];
    uint64_t max = _mm512_reduce_max_epu64(s->max);
    out->differing += (uint64_t)_mm512_reduce_add_epi64(s->differing);
    if (max > out->max) out->max = max;
    _mm512_storeu_si512(low, s->low);
    _mm512_storeu_si512(high, s->high);
    for (int i = 0; i < 8; i++) {
        cdiff_add(out, low[i], 0);
        cdiff_add(out, high[i] << 32, high[i] >> 32);
    }
}

TARGET CDIFF_INLINE void run(const uint64_t *a, const uint64_t *b, size_t count, cdiff_tolerance t, uint64_t base,
                             cdiff_result *out, int scaled) {
    __m512i absolute = _mm512_set1_epi64((int64_t)t.absolute);
    __m512i relative = _mm512_set1_epi64(t.relative);
    lanes s = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
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
        if (looking && _mm512_test_epi64_mask(s.differing, s.differing)) {
            cdiff_find_first(a, b, done, end, t, base, out);
            looking = 0;
        }
        done = end;
    }
    fold(&s, out);
    cdiff_tail(a, b, done, count, t, base, out);
}

TARGET void cdiff_kernel_avx512(const uint64_t *a, const uint64_t *b, size_t count, cdiff_tolerance t, uint64_t base,
                                cdiff_result *out) {
    if (t.relative)
        run(a, b, count, t, base, out, 1);
    else
        run(a, b, count, t, base, out, 0);
}
#endif
