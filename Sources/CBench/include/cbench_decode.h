#pragma once
#include <stddef.h>
#include <stdint.h>

/// What no decoder of such a block can do without, and nothing else: one zstd frame of tokens, times as packed
/// differences of one width per 256 events, three low bytes per counter value. No patches, checks, or checksums.
typedef struct {
    size_t events;
    const void *tokens;
    size_t tokens_size;
    const uint8_t *time_bits;    // 8 readable bytes behind the end
    const uint8_t *time_widths;  // one per 256 events, at most 56
    uint64_t base;
    const uint8_t *literals;      // 8 readable bytes behind the end
    const uint64_t *token_value;  // 256
    const uint8_t *token_takes_literal;
} cbench_block;

/// A zstd context.
typedef struct cbench_decoder cbench_decoder;
cbench_decoder *cbench_decoder_new(void);
void cbench_decoder_free(cbench_decoder *decoder);

/// Expands the block into the three columns; answers 0, or 1 where the tokens do not decompress.
int cbench_decode(cbench_decoder *decoder, const cbench_block *block, uint8_t *tokens, uint64_t *times,
                  uint64_t *values);
