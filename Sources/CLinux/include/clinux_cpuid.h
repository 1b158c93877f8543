// The CPUID instruction.
#pragma once
#include <stdint.h>

struct clinux_cpuid {
    uint32_t eax, ebx, ecx, edx;
};

// Answers 0 and fills `out`, or -ENOENT where the processor has no such leaf (or is no x86).
int clinux_cpuid(uint32_t leaf, uint32_t subleaf, struct clinux_cpuid *out);
