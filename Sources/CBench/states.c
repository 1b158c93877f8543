#include "cbench_states.h"

void cbench_play(const cbench_play_block *block, const uint8_t *tokens, const uint64_t *times, const uint64_t *values,
                 cbench_vcpu *vcpus) {
    size_t i = 0;
    for (size_t run = 0; run < block->runs; run++) {
        cbench_vcpu *vcpu = vcpus + block->run_vcpu[run];
        for (size_t end = block->run_end[run]; i < end; i++) {
            uint8_t token = tokens[i];
            unsigned counter = block->token_counter[token];
            switch (block->token_op[token]) {
            case CBENCH_OP_VALUE:
                vcpu->value[counter] = values[i];
                break;
            case CBENCH_OP_CONTROL: {
                uint64_t config = values[i];
                if (config == vcpu->config[counter]) break;
                // Nothing is added up before somebody stops.
                if (vcpu->config[counter] >> 22 & 1) vcpu->ran[counter] += times[i] - vcpu->since[counter];
                vcpu->config[counter] = config;
                vcpu->since[counter] = times[i];
                break;
            }
            default:
                break;
            }
        }
    }
}
