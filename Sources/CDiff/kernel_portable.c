#include "kernel.h"

// Plain C, for CPUs without AVX2 and machines that are no x86. 64-bit distances, maxima and products cost SSE2 several
// instructions each and the general registers one, so that vectors of two are slower than none.

CDIFF_INLINE void line(const uint64_t *a, const uint64_t *b, cdiff_tolerance t, int scaled, cdiff_result *out) {
    // Equal lines, which most are, add to nothing.
    uint64_t unequal = 0;
    for (int i = 0; i < CDIFF_LINE; i++) unequal |= a[i] ^ b[i];
    if (!unequal) return;
#pragma GCC unroll 8
    for (int i = 0; i < CDIFF_LINE; i++) {
        uint64_t greater = a[i] > b[i] ? a[i] : b[i];
        uint64_t distance = greater - (a[i] > b[i] ? b[i] : a[i]);
        uint64_t allowed = t.absolute;
        if (scaled) {
            uint64_t part = cdiff_scaled(greater, t.relative);
            allowed = part > allowed ? part : allowed;
        }
        // Opaque to the compiler, which would otherwise make vectors of two out of this.
        __asm__("" : "+r"(distance));
        out->differing += distance > allowed;
        out->max = distance > out->max ? distance : out->max;
        out->sum_high += __builtin_add_overflow(out->sum_low, distance, &out->sum_low);
    }
}

CDIFF_INLINE void run(const uint64_t *a, const uint64_t *b, size_t count, cdiff_tolerance t, uint64_t base,
                      cdiff_result *out, int scaled) {
    cdiff_result s = *out;
    size_t done = 0;
    while (count - done >= CDIFF_LINE) {
        size_t lines = (count - done < CDIFF_BLOCK ? count - done : CDIFF_BLOCK) / CDIFF_LINE;
        size_t ahead = count - done >= 2 * CDIFF_BLOCK ? CDIFF_BLOCK : 0;
        const uint64_t *p = a + done, *q = b + done;
        uint64_t before = s.differing;
        for (size_t i = 0; i < lines; i++) {
            cdiff_prefetch(p + ahead, q + ahead, i);
            line(p + i * CDIFF_LINE, q + i * CDIFF_LINE, t, scaled, &s);
        }
        size_t end = done + lines * CDIFF_LINE;
        if (s.first == UINT64_MAX && s.differing != before) cdiff_find_first(a, b, done, end, t, base, &s);
        done = end;
    }
    *out = s;
    cdiff_tail(a, b, done, count, t, base, out);
}

void cdiff_kernel_portable(const uint64_t *a, const uint64_t *b, size_t count, cdiff_tolerance t, uint64_t base,
                           cdiff_result *out) {
    if (t.relative)
        run(a, b, count, t, base, out, 1);
    else
        run(a, b, count, t, base, out, 0);
}
