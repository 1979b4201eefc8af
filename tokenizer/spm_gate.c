#include "tokenizer/spm_gate.h"

#include "base/utf8.h"
#include "tokenizer/spm_table.h"
#include "tokenizer/wire.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Field numbers and defaults of sentencepiece_model.proto. */
enum {
    MODEL_PIECES = 1,
    MODEL_TRAINER = 2,
    MODEL_NORMALIZER = 3,
    MODEL_TESTS = 4,
    MODEL_DENORM = 5
};
enum { PIECE_TEXT = 1, PIECE_SCORE = 2, PIECE_TYPE = 3 };
enum {
    TRAINER_TYPE = 3,
    TRAINER_SUFFIX = 24,
    TRAINER_BYTE_FALLBACK = 35,
    TRAINER_SURFACE = 44,
    TRAINER_UNK = 45,
    TRAINER_BOS = 46,
    TRAINER_EOS = 47,
    TRAINER_PAD = 48
};
enum { NORM_TABLE = 2, NORM_DUMMY = 3, NORM_EXTRA = 4, NORM_ESCAPE = 5 };

#define N_BYTE_PIECES 256

struct gate {
    struct spm *spm;
    const char *file;
    struct error *err;
    uint32_t n_unknown, n_bytes, n_users, n_tests;
    bool has_trainer, has_normalizer;
    const unsigned char *names[4]; /* unk, bos, eos, pad pieces as the trainer says, or NULL */
    size_t name_bytes[4];
};

static bool refuse(const struct gate *gate, const char *reason)
{
    return error_set(gate->err, ERROR_MODEL, "%s: %s", gate->file, reason);
}

static bool not_a_model(const struct gate *gate, const char *reason)
{
    return error_set(gate->err, ERROR_MODEL, "%s: not a SentencePiece model: %s", gate->file,
                     reason);
}

/* After a walk: whether it ended well. */
static bool walked(const struct gate *gate, const struct wire *wire)
{
    return wire->fault == NULL || not_a_model(gate, wire->fault);
}

static bool has_type(const struct gate *gate, const struct wire_field *field, enum wire_type type)
{
    return field->type == type || not_a_model(gate, "a field has the wrong wire type");
}

static bool is_text(const unsigned char *bytes, size_t n_bytes)
{
    return memchr(bytes, '\0', n_bytes) == NULL && utf8_valid((const char *)bytes, n_bytes, NULL);
}

/* ---- pieces -----------------------------------------------------------------------------------
 */

static bool piece_fault(const struct gate *gate, const char *reason)
{
    return error_set(gate->err, ERROR_MODEL, "%s: piece %u: %s", gate->file,
                     gate->spm->pieces.count, reason);
}

static bool is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/* "<0x0A>" */
static bool is_byte_piece(const unsigned char *text, size_t n_bytes)
{
    return n_bytes == 6 && memcmp(text, "<0x", 3) == 0 && is_hex(text[3]) && is_hex(text[4]) &&
           text[5] == '>';
}

static bool add_piece(struct gate *gate, const unsigned char *text, size_t n_bytes, uint64_t type)
{
    static const enum piece_kind kinds[] = {PIECE_NONE, PIECE_NORMAL, PIECE_UNKNOWN, PIECE_CONTROL,
                                            PIECE_USER, PIECE_UNUSED, PIECE_BYTE};
    if (n_bytes == 0)
        return piece_fault(gate, "empty piece");
    if (n_bytes > PIECE_MAX_BYTES)
        return piece_fault(gate, "piece longer than 1024 bytes");
    if (memchr(text, '\0', n_bytes) != NULL)
        return piece_fault(gate, "it holds a NUL");
    if (!utf8_valid((const char *)text, n_bytes, NULL))
        return piece_fault(gate, "not UTF-8");
    if (type < 1 || type >= sizeof kinds / sizeof kinds[0])
        return piece_fault(gate, "unknown type");
    enum piece_kind kind = kinds[type];
    if (kind == PIECE_BYTE && !is_byte_piece(text, n_bytes))
        return piece_fault(gate, "a byte piece must be from <0x00> to <0xFF>");
    struct spm *spm = gate->spm;
    if (kind == PIECE_UNKNOWN)
        spm->unknown = spm->pieces.count;
    gate->n_unknown += kind == PIECE_UNKNOWN;
    gate->n_bytes += kind == PIECE_BYTE;
    gate->n_users += kind == PIECE_USER;
    const char *fault;
    return pieces_put(&spm->pieces, spm->pieces.count, (const char *)text, n_bytes, kind, &fault,
                      gate->err) ||
           (fault != NULL && piece_fault(gate, fault));
}

static bool read_piece(struct gate *gate, const struct wire_field *message)
{
    struct wire wire = {.at = message->bytes, .end = message->bytes + message->n_bytes};
    struct wire_field field;
    const unsigned char *text = (const unsigned char *)"";
    size_t n_bytes = 0;
    uint64_t type = 1;
    float score = 0;
    while (wire_next(&wire, &field)) {
        switch (field.number) {
        case PIECE_TEXT:
            if (!has_type(gate, &field, WIRE_BYTES))
                return false;
            text = field.bytes;
            n_bytes = field.n_bytes;
            break;
        case PIECE_SCORE: {
            if (!has_type(gate, &field, WIRE_32))
                return false;
            uint32_t bits = (uint32_t)field.value;
            memcpy(&score, &bits, sizeof score);
            break;
        }
        case PIECE_TYPE:
            if (!has_type(gate, &field, WIRE_VARINT))
                return false;
            type = field.value;
            break;
        default:
            break;
        }
    }
    if (!walked(gate, &wire))
        return false;
    if (!isfinite(score))
        return piece_fault(gate, "its score is not a finite number");
    return add_piece(gate, text, n_bytes, type);
}

/* ---- switches ---------------------------------------------------------------------------------
 */

static bool read_switch(const struct gate *gate, const struct wire_field *field, bool *value)
{
    if (!has_type(gate, field, WIRE_VARINT))
        return false;
    *value = field->value != 0;
    return true;
}

static bool read_surface(const struct gate *gate, const struct wire_field *field)
{
    if (!has_type(gate, field, WIRE_BYTES))
        return false;
    if (field->n_bytes > PIECE_MAX_BYTES || !is_text(field->bytes, field->n_bytes))
        return refuse(gate, "trainer_spec: unk_surface is too long or not text");
    buffer_clear(&gate->spm->unknown_surface);
    return buffer_append(&gate->spm->unknown_surface, field->bytes, field->n_bytes, gate->err);
}

static bool read_trainer(struct gate *gate, const struct wire_field *message)
{
    struct wire wire = {.at = message->bytes, .end = message->bytes + message->n_bytes};
    struct wire_field field;
    struct spm *spm = gate->spm;
    gate->has_trainer = true;
    while (wire_next(&wire, &field)) {
        switch (field.number) {
        case TRAINER_TYPE:
            if (!has_type(gate, &field, WIRE_VARINT))
                return false;
            if (field.value != SPM_UNIGRAM && field.value != SPM_BPE)
                return refuse(gate, "trainer_spec: unsupported: model_type is not unigram or bpe");
            spm->type = (enum spm_type)field.value;
            break;
        case TRAINER_SUFFIX:
            if (!has_type(gate, &field, WIRE_VARINT))
                return false;
            if (field.value != 0)
                return refuse(gate, "trainer_spec: unsupported: treat_whitespace_as_suffix");
            break;
        case TRAINER_BYTE_FALLBACK:
            if (!read_switch(gate, &field, &spm->byte_fallback))
                return false;
            break;
        case TRAINER_SURFACE:
            if (!read_surface(gate, &field))
                return false;
            break;
        case TRAINER_UNK:
        case TRAINER_BOS:
        case TRAINER_EOS:
        case TRAINER_PAD:
            if (!has_type(gate, &field, WIRE_BYTES))
                return false;
            gate->names[field.number - TRAINER_UNK] = field.bytes;
            gate->name_bytes[field.number - TRAINER_UNK] = field.n_bytes;
            break;
        default:
            break;
        }
    }
    return walked(gate, &wire);
}

static bool read_table(const struct gate *gate, const struct wire_field *field)
{
    const char *fault;
    if (!has_type(gate, field, WIRE_BYTES))
        return false;
    if (spm_table_check(field->bytes, field->n_bytes, &fault, gate->err))
        return true;
    return fault != NULL &&
           error_set(gate->err, ERROR_MODEL, "%s: normalizer table: %s", gate->file, fault);
}

static bool read_normalizer(struct gate *gate, const struct wire_field *message)
{
    struct wire wire = {.at = message->bytes, .end = message->bytes + message->n_bytes};
    struct wire_field field;
    struct spm *spm = gate->spm;
    gate->has_normalizer = true;
    while (wire_next(&wire, &field)) {
        bool ok = true;
        if (field.number == NORM_TABLE)
            ok = read_table(gate, &field);
        else if (field.number == NORM_DUMMY)
            ok = read_switch(gate, &field, &spm->add_dummy_prefix);
        else if (field.number == NORM_EXTRA)
            ok = read_switch(gate, &field, &spm->remove_extra_whitespaces);
        else if (field.number == NORM_ESCAPE)
            ok = read_switch(gate, &field, &spm->escape_whitespaces);
        if (!ok)
            return false;
    }
    return walked(gate, &wire);
}

/* A denormalizer that does something would have to be applied to every translation. */
static bool read_denormalizer(struct gate *gate, const struct wire_field *message)
{
    struct wire wire = {.at = message->bytes, .end = message->bytes + message->n_bytes};
    struct wire_field field;
    while (wire_next(&wire, &field)) {
        if (field.number != NORM_TABLE)
            continue;
        if (!has_type(gate, &field, WIRE_BYTES))
            return false;
        if (field.n_bytes != 0)
            return refuse(gate, "unsupported: a denormalizer table");
    }
    return walked(gate, &wire);
}

/* The library encodes these while it loads; they must be few and short, as any text given to it. */
static bool read_tests(struct gate *gate, const struct wire_field *message)
{
    struct wire wire = {.at = message->bytes, .end = message->bytes + message->n_bytes};
    struct wire_field field, part;
    while (wire_next(&wire, &field)) {
        if (field.number != 1)
            continue;
        if (!has_type(gate, &field, WIRE_BYTES))
            return false;
        struct wire sample = {.at = field.bytes, .end = field.bytes + field.n_bytes};
        if (++gate->n_tests > SPM_MAX_SELF_TESTS)
            return refuse(gate, "self_test_data: more than 1000 samples");
        while (wire_next(&sample, &part)) {
            if (part.number != 1 && part.number != 2)
                continue;
            if (!has_type(gate, &part, WIRE_BYTES))
                return false;
            if (part.number == 1 && part.n_bytes > 2 * PIECE_MAX_BYTES)
                return refuse(gate, "self_test_data: a sample longer than 2048 bytes");
            if (!is_text(part.bytes, part.n_bytes))
                return refuse(gate, "self_test_data: a sample is not text");
        }
        if (!walked(gate, &sample))
            return false;
    }
    return walked(gate, &wire);
}

static bool read_model(struct gate *gate, const void *bytes, size_t n_bytes)
{
    struct wire wire = {.at = bytes, .end = (const unsigned char *)bytes + n_bytes};
    struct wire_field field;
    while (wire_next(&wire, &field)) {
        if (field.number <= MODEL_DENORM && !has_type(gate, &field, WIRE_BYTES))
            return false;
        bool ok = true;
        if (field.number == MODEL_PIECES)
            ok = read_piece(gate, &field);
        else if (field.number == MODEL_TRAINER)
            ok = read_trainer(gate, &field);
        else if (field.number == MODEL_NORMALIZER)
            ok = read_normalizer(gate, &field);
        else if (field.number == MODEL_TESTS)
            ok = read_tests(gate, &field);
        else if (field.number == MODEL_DENORM)
            ok = read_denormalizer(gate, &field);
        if (!ok)
            return false;
    }
    return walked(gate, &wire);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static int compare_pieces(const void *a, const void *b, void *context)
{
    const struct pieces *pieces = context;
    const struct piece *first = &pieces->items[*(const uint32_t *)a];
    const struct piece *second = &pieces->items[*(const uint32_t *)b];
    return strcmp(pieces->text.bytes + first->offset, pieces->text.bytes + second->offset);
}

/* User-defined pieces that begin each other, "a", "aa", "aaa", all match at one place. Sorted, each
 * comes after those that begin it. */
static bool check_nesting(const struct gate *gate)
{
    const struct pieces *pieces = &gate->spm->pieces;
    uint32_t *users = memory_new(gate->n_users, sizeof *users, gate->err);
    const struct piece *open[SPM_MAX_USER_MATCHES];
    uint32_t n = 0, depth = 0;
    bool ok = users != NULL;
    for (uint32_t id = 0; ok && id < pieces->count; id++)
        if (pieces->items[id].kind == PIECE_USER)
            users[n++] = id;
    if (ok && n > 0)
        qsort_r(users, n, sizeof *users, compare_pieces, (void *)pieces);
    for (uint32_t i = 0; ok && i < n; i++) {
        const struct piece *piece = &pieces->items[users[i]];
        while (depth > 0 &&
               (open[depth - 1]->n_bytes > piece->n_bytes ||
                memcmp(pieces->text.bytes + open[depth - 1]->offset,
                       pieces->text.bytes + piece->offset, open[depth - 1]->n_bytes) != 0))
            depth--;
        if (depth == SPM_MAX_USER_MATCHES)
            ok = refuse(gate, "more than 64 nested user-defined pieces");
        else
            open[depth++] = piece;
    }
    memory_free(users);
    return ok;
}

/* The id of a piece the trainer names, if it is there and of that kind. */
static uint32_t find_named(const struct gate *gate, size_t which, const char *fallback)
{
    const char *name = gate->names[which] != NULL ? (const char *)gate->names[which] : fallback;
    size_t n_bytes = gate->names[which] != NULL ? gate->name_bytes[which] : strlen(fallback);
    uint32_t id = pieces_find(&gate->spm->pieces, name, n_bytes);
    return pieces_kind(&gate->spm->pieces, id) == PIECE_CONTROL ? id : PIECES_NONE;
}

static bool check_whole(struct gate *gate)
{
    struct spm *spm = gate->spm;
    uint32_t twice = PIECES_NONE;
    if (spm->pieces.count == 0)
        return not_a_model(gate, "no pieces");
    if (!gate->has_trainer || !gate->has_normalizer)
        return not_a_model(gate, "truncated: no trainer_spec or no normalizer_spec");
    if (gate->n_unknown != 1)
        return refuse(gate, gate->n_unknown == 0 ? "no <unk> piece" : "more than one <unk> piece");
    if (!spm->escape_whitespaces)
        return refuse(gate, "unsupported: escape_whitespaces is off");
    if (gate->n_bytes != (spm->byte_fallback ? N_BYTE_PIECES : 0))
        return refuse(gate, spm->byte_fallback ? "byte pieces are incomplete"
                                               : "byte pieces without byte_fallback");
    if (!pieces_finish(&spm->pieces, &twice, gate->err))
        return twice != PIECES_NONE &&
               error_set(gate->err, ERROR_MODEL, "%s: piece %u: duplicate piece", gate->file,
                         twice);
    spm->begin = find_named(gate, 1, "<s>");
    spm->end = find_named(gate, 2, "</s>");
    spm->pad = find_named(gate, 3, "<pad>");
    return check_nesting(gate);
}

bool spm_gate(struct spm *spm, const char *file, const void *bytes, size_t n_bytes,
              struct error *err)
{
    struct gate gate = {.spm = spm, .file = file, .err = err};
    *spm = (struct spm){.type = SPM_UNIGRAM,
                        .add_dummy_prefix = true,
                        .remove_extra_whitespaces = true,
                        .escape_whitespaces = true};
    /* The library's default: a double question mark between spaces. */
    bool ok = buffer_append_text(&spm->unknown_surface, " \xe2\x81\x87 ", err);
    if (ok && n_bytes > SPM_MAX_BYTES)
        ok = refuse(&gate, "larger than 64 MiB");
    ok = ok && read_model(&gate, bytes, n_bytes) && check_whole(&gate);
    if (!ok)
        spm_free(spm);
    return ok;
}

void spm_free(struct spm *spm)
{
    pieces_free(&spm->pieces);
    buffer_free(&spm->unknown_surface);
}
