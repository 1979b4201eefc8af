/* wire.h - reads protobuf's wire format, field by field, inside bounds.
 *
 *     struct wire wire = {bytes, bytes + n_bytes};
 *     struct wire_field field;
 *     while (wire_next(&wire, &field))
 *         if (field.number == 1 && field.type == WIRE_BYTES) ...
 *     if (wire.fault != NULL) ... */
#ifndef DRAGOMAN_TOKENIZER_WIRE_H
#define DRAGOMAN_TOKENIZER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct wire {
    const unsigned char *at, *end;
    const char *fault; /* NULL, or what is wrong at `at`: a constant text */
};

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;             /* of a number */
    const unsigned char *bytes; /* of WIRE_BYTES: n_bytes of them */
    size_t n_bytes;
};

/* Takes the next field; false at the end or on a fault. Groups, field number 0, lengths beyond the
 * end and varints of more than 64 bits are faults. */
bool wire_next(struct wire *wire, struct wire_field *field);

#endif
