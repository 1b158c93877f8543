#include "kernel.h"

int cdiff_supports(int isa) {
    switch (isa) {
    case CDIFF_PORTABLE:
        return 1;
#if defined(__x86_64__)
    case CDIFF_AVX2:
        return __builtin_cpu_supports("avx2") != 0;
    case CDIFF_AVX512:
        return __builtin_cpu_supports("avx512f") != 0;
#endif
    default:
        return 0;
    }
}

static cdiff_kernel *kernel_of(int isa) {
#if defined(__x86_64__)
    if (isa == CDIFF_AVX2) return cdiff_kernel_avx2;
    if (isa == CDIFF_AVX512) return cdiff_kernel_avx512;
#endif
    (void)isa;
    return cdiff_kernel_portable;
}

cdiff_result cdiff_columns(const uint64_t *a, const uint64_t *b, size_t count, cdiff_tolerance tolerance, int isa) {
    cdiff_kernel *kernel = kernel_of(isa);
    cdiff_result out = {0, 0, 0, 0, UINT64_MAX};
    for (size_t done = 0; done < count;) {
        size_t now = count - done < CDIFF_CALL ? count - done : CDIFF_CALL;
        kernel(a + done, b + done, now, tolerance, done, &out);
        done += now;
    }
    return out;
}
