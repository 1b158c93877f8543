#include "cbench_decode.h"

#include <string.h>
#include <zstd.h>

cbench_decoder *cbench_decoder_new(void) { return (cbench_decoder *)ZSTD_createDCtx(); }

void cbench_decoder_free(cbench_decoder *decoder) { ZSTD_freeDCtx((ZSTD_DCtx *)decoder); }

static inline uint64_t load(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

int cbench_decode(cbench_decoder *decoder, const cbench_block *block, uint8_t *tokens, uint64_t *times,
                  uint64_t *values) {
    size_t got = ZSTD_decompressDCtx((ZSTD_DCtx *)decoder, tokens, block->events, block->tokens, block->tokens_size);
    if (ZSTD_isError(got) || got != block->events) return 1;
    const uint8_t *bits = block->time_bits;
    uint64_t time = block->base;
    for (size_t run = 0; run * 256 < block->events; run++) {
        size_t end = (run + 1) * 256 < block->events ? (run + 1) * 256 : block->events;
        unsigned width = block->time_widths[run];
        uint64_t mask = ((uint64_t)1 << width) - 1;
        size_t bit = 0;
        for (size_t i = run * 256; i < end; i++) {
            time += (load(bits + (bit >> 3)) >> (bit & 7)) & mask;
            times[i] = time;
            bit += width;
        }
        bits += (bit + 7) / 8;
    }
    const uint8_t *literal = block->literals;
    for (size_t i = 0; i < block->events; i++) {
        uint8_t token = tokens[i];
        uint64_t taken = block->token_takes_literal[token];
        uint64_t value = ((uint64_t)1 << 48) - (load(literal) & 0xffffff);
        values[i] = taken ? value : block->token_value[token];
        literal += 3 * taken;
    }
    return 0;
}
