#include "base/utf8.h"

/* Smallest and largest value of the second byte for each lead byte (Unicode table 3-7). */
static void second_byte_range(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
}

static size_t sequence_length(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    if (lead >= 0xf0 && lead <= 0xf4)
        return 4;
    return 0;
}

/* Number of leading bytes that fit the start of a well-formed sequence of `length`. */
static size_t well_formed_prefix(const unsigned char *bytes, size_t n_bytes, size_t length)
{
    unsigned char low, high;
    second_byte_range(bytes[0], &low, &high);
    size_t good = 1;
    while (good < length && good < n_bytes && bytes[good] >= low && bytes[good] <= high) {
        low = 0x80;
        high = 0xbf;
        good++;
    }
    return good;
}

size_t utf8_next(const char *text, size_t n_bytes, uint32_t *code_point)
{
    if (n_bytes == 0)
        return 0;
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = sequence_length(bytes[0]);
    if (length == 0 || well_formed_prefix(bytes, n_bytes, length) != length)
        return 0;
    if (code_point != NULL) {
        static const unsigned char lead_mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
        uint32_t value = bytes[0] & lead_mask[length];
        for (size_t i = 1; i < length; i++)
            value = value << 6 | (bytes[i] & 0x3f);
        *code_point = value;
    }
    return length;
}

size_t utf8_put(char out[4], uint32_t code_point)
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xc0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        if (code_point >= 0xd800 && code_point <= 0xdfff)
            return 0;
        out[0] = (char)(0xe0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    if (code_point > 0x10ffff)
        return 0;
    out[0] = (char)(0xf0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}

size_t utf8_bad_run(const char *text, size_t n_bytes)
{
    if (n_bytes == 0 || utf8_next(text, n_bytes, NULL) != 0)
        return 0;
    size_t length = sequence_length((unsigned char)text[0]);
    return length == 0 ? 1 : well_formed_prefix((const unsigned char *)text, n_bytes, length);
}

bool utf8_valid(const char *text, size_t n_bytes, size_t *bad_at)
{
    for (size_t at = 0; at < n_bytes;) {
        size_t length = utf8_next(text + at, n_bytes - at, NULL);
        if (length == 0) {
            if (bad_at != NULL)
                *bad_at = at;
            return false;
        }
        at += length;
    }
    return true;
}

size_t utf8_length(const char *text, size_t n_bytes)
{
    size_t count = 0;
    for (size_t at = 0; at < n_bytes; count++) {
        size_t length = utf8_next(text + at, n_bytes - at, NULL);
        at += length != 0 ? length : utf8_bad_run(text + at, n_bytes - at);
    }
    return count;
}
