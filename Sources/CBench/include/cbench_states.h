#pragma once
#include <stddef.h>
#include <stdint.h>

/// What no replay can do without: one flat state for each vCPU, changed by the accesses that change it, with running time
/// added up when it ends. No policy, no scheduling, no checks.
typedef struct {
    uint64_t value[16];
    uint64_t config[16];
    uint64_t since[16];
    uint64_t ran[16];
} cbench_vcpu;

typedef enum {
    CBENCH_OP_NONE = 0,
    CBENCH_OP_VALUE = 1,    // a counter is written
    CBENCH_OP_CONTROL = 2,  // an event select is written
} cbench_op;

typedef struct {
    size_t runs;
    const uint32_t *run_vcpu;  // the vCPU of each run of events
    const size_t *run_end;     // where the run ends
    const uint8_t *token_op;   // 256: a cbench_op
    const uint8_t *token_counter;
} cbench_play_block;

/// Plays the events of a decoded block.
void cbench_play(const cbench_play_block *block, const uint8_t *tokens, const uint64_t *times, const uint64_t *values,
                 cbench_vcpu *vcpus);
