#include "clinux_cpuid.h"

#include <errno.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

int clinux_cpuid(uint32_t leaf, uint32_t subleaf, struct clinux_cpuid *out) {
    return __get_cpuid_count(leaf, subleaf, &out->eax, &out->ebx, &out->ecx, &out->edx) ? 0 : -ENOENT;
}
#else
int clinux_cpuid(uint32_t leaf, uint32_t subleaf, struct clinux_cpuid *out) {
    (void)leaf;
    (void)subleaf;
    (void)out;
    return -ENOENT;
}
#endif
