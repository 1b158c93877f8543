#pragma once
#include <stddef.h>
#include <stdint.h>

/// What no decoder of such a block can do without, and nothing else: a zstd frame of tokens, times as packed differences
/// of one width per 256 events with patches, counter values as three low bytes and an index of the rest. No checks and no
/// checksums.
typedef struct {
    size_t events;
    const void *tokens;
    size_t tokens_size;
    const uint8_t *time_bits;     // 8 readable bytes behind the end
    const uint8_t *time_widths;   // one per 256 events, at most 56
    const uint8_t *patch_counts;  // one per 256 events
    const uint8_t *patch_places;  // event in its 256
    const uint64_t *patch_highs;  // what to add above the width
    uint64_t base;
    const uint8_t *lows;  // 8 readable bytes behind the end
    size_t literals;
    const void *highs;  // a zstd frame of an index per literal; NULL where all have the first
    size_t highs_size;
    const uint64_t *high_table;   // 256; already shifted
    const uint64_t *token_value;  // 256
    const uint8_t *token_takes_literal;
} cbench_block;

/// A zstd context.
typedef struct cbench_decoder cbench_decoder;
cbench_decoder *cbench_decoder_new(void);
void cbench_decoder_free(cbench_decoder *decoder);

/// Expands the block into the three columns; answers 0, or 1 where a frame does not decompress. `scratch` has room for a
/// byte per event.
int cbench_decode(cbench_decoder *decoder, const cbench_block *block, uint8_t *scratch, uint8_t *tokens,
                  uint64_t *times, uint64_t *values);
