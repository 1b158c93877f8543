// The parts of Linux that Swift cannot call by itself: variadic system calls, ioctl numbers that are macros with
// arguments, bit fields, memory barriers on shared rings, and CPUID.
//
// Every function that can fail returns a negative errno; none touches the global errno in a way a caller must know.
// No header here defines _GNU_SOURCE: that would change what the Glibc module means for whoever imports this one.
#pragma once
#include "clinux_cpuid.h"
#include "clinux_kvm.h"
#include "clinux_perf.h"
#include "clinux_process.h"
#include "clinux_tracefs.h"
