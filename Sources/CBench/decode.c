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

static void decode_times(const cbench_block *block, uint64_t *times) {
    const uint8_t *bits = block->time_bits;
    const uint8_t *places = block->patch_places;
    const uint64_t *highs = block->patch_highs;
    uint64_t time = block->base;
    for (size_t run = 0; run * 256 < block->events; run++) {
        size_t count = block->events - run * 256 < 256 ? block->events - run * 256 : 256;
        uint64_t *out = times + run * 256;
        unsigned width = block->time_widths[run];
        uint64_t mask = ((uint64_t)1 << width) - 1;
        size_t bit = 0;
        for (size_t i = 0; i < count; i++) {
            out[i] = (load(bits + (bit >> 3)) >> (bit & 7)) & mask;
            bit += width;
        }
        bits += (bit + 7) / 8;
        for (unsigned patch = block->patch_counts[run]; patch > 0; patch--) out[*places++] += *highs++;
        for (size_t i = 0; i < count; i++) out[i] = time += out[i];
    }
}

int cbench_decode(cbench_decoder *decoder, const cbench_block *block, uint8_t *scratch, uint8_t *tokens,
                  uint64_t *times, uint64_t *values) {
    ZSTD_DCtx *zstd = (ZSTD_DCtx *)decoder;
    if (ZSTD_decompressDCtx(zstd, tokens, block->events, block->tokens, block->tokens_size) != block->events) return 1;
    if (block->highs == NULL)
        memset(scratch, 0, block->literals);
    else if (ZSTD_decompressDCtx(zstd, scratch, block->events, block->highs, block->highs_size) != block->literals)
        return 1;
    decode_times(block, times);
    const uint8_t *low = block->lows, *high = scratch;
    for (size_t i = 0; i < block->events; i++) {
        uint8_t token = tokens[i];
        uint64_t taken = block->token_takes_literal[token];
        uint64_t value = ((uint64_t)1 << 48) - (block->high_table[*high] + (load(low) & 0xffffff));
        values[i] = taken ? value : block->token_value[token];
        low += 3 * taken;
        high += taken;
    }
    return 0;
}
