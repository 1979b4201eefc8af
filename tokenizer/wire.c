#include "tokenizer/wire.h"

/* A varint holds 7 bits a byte. */
#define VARINT_MAX_BYTES 10

static bool fault(struct wire *wire, const char *reason)
{
    if (wire->fault == NULL)
        wire->fault = reason;
    return false;
}

static bool take_varint(struct wire *wire, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < VARINT_MAX_BYTES; i++) {
        if (wire->at == wire->end)
            return fault(wire, "truncated");
        unsigned char byte = *wire->at;
        if (i == VARINT_MAX_BYTES - 1 && byte > 1)
            break;
        wire->at++;
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80)
            return true;
    }
    return fault(wire, "a number of more than 64 bits");
}

static bool take_fixed(struct wire *wire, unsigned n_bytes, uint64_t *value)
{
    if ((size_t)(wire->end - wire->at) < n_bytes)
        return fault(wire, "truncated");
    *value = 0;
    for (unsigned i = 0; i < n_bytes; i++)
        *value |= (uint64_t)*wire->at++ << (8 * i);
    return true;
}

bool wire_next(struct wire *wire, struct wire_field *field)
{
    uint64_t tag;
    if (wire->fault != NULL || wire->at == wire->end || !take_varint(wire, &tag))
        return false;
    if (tag > UINT32_MAX || tag >> 3 == 0)
        return fault(wire, "a field number out of range");
    *field = (struct wire_field){.number = (uint32_t)tag >> 3, .type = (enum wire_type)(tag & 7)};
    switch (tag & 7) {
    case WIRE_VARINT:
        return take_varint(wire, &field->value);
    case WIRE_64:
        return take_fixed(wire, 8, &field->value);
    case WIRE_32:
        return take_fixed(wire, 4, &field->value);
    case WIRE_BYTES:
        if (!take_varint(wire, &field->value))
            return false;
        if (field->value > (uint64_t)(wire->end - wire->at))
            return fault(wire, "truncated: a length beyond the end");
        field->bytes = wire->at;
        field->n_bytes = (size_t)field->value;
        wire->at += field->n_bytes;
        return true;
    default:
        return fault(wire, "a group or unknown wire type");
    }
}
