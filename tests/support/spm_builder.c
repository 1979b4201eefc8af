#include "tests/support/spm_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool done)
{
    if (!done)
        abort();
}

void spm_put_varint(struct buffer *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        require(buffer_append_byte(out, (char)(value | 0x80), NULL));
    require(buffer_append_byte(out, (char)value, NULL));
}

void spm_put_number(struct buffer *out, uint32_t field, uint64_t value)
{
    spm_put_varint(out, (uint64_t)field << 3);
    spm_put_varint(out, value);
}

void spm_put_bytes(struct buffer *out, uint32_t field, const void *bytes, size_t n_bytes)
{
    spm_put_varint(out, (uint64_t)field << 3 | 2);
    spm_put_varint(out, n_bytes);
    require(buffer_append(out, bytes, n_bytes, NULL));
}

void spm_put_message(struct buffer *out, uint32_t field, struct buffer *message)
{
    spm_put_bytes(out, field, message->bytes, message->n_bytes);
    buffer_free(message);
}

static void put_float(struct buffer *out, uint32_t field, float value)
{
    spm_put_varint(out, (uint64_t)field << 3 | 5);
    require(buffer_append(out, &value, sizeof value, NULL));
}

void spm_put_piece(struct buffer *model, const char *text, size_t n_bytes, float score,
                   uint64_t type)
{
    struct buffer piece = {0};
    spm_put_bytes(&piece, 1, text, n_bytes);
    put_float(&piece, 2, score);
    spm_put_number(&piece, 3, type);
    spm_put_message(model, 1, &piece);
}

void spm_parts_start(struct spm_parts *parts)
{
    *parts = (struct spm_parts){0};
    spm_add(parts, "<unk>", SPM_UNKNOWN);
    spm_add(parts, "<s>", SPM_CONTROL);
    spm_add(parts, "</s>", SPM_CONTROL);
}

void spm_add(struct spm_parts *parts, const char *text, uint64_t type)
{
    spm_put_piece(&parts->model, text, strlen(text), -1, type);
}

void spm_add_bytes(struct spm_parts *parts, unsigned n)
{
    char text[16];
    for (unsigned i = 0; i < n; i++) {
        snprintf(text, sizeof text, "<0x%02X>", i);
        spm_add(parts, text, SPM_BYTE);
    }
}

void spm_parts_finish(struct spm_parts *parts)
{
    require(buffer_append(&parts->trainer, "", 0, NULL));
    require(buffer_append(&parts->normalizer, "", 0, NULL));
    spm_put_message(&parts->model, 2, &parts->trainer);
    spm_put_message(&parts->model, 3, &parts->normalizer);
}
