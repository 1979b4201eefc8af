#include "model/safetensors.h"

#include "base/checked.h"
#include "base/json_scan.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 8

struct header {
    struct tensors *tensors;
    const struct source *source;
    size_t file;
    size_t data;      /* offset of the data in the file */
    size_t data_size; /* bytes from there to the end */
    struct json_scan scan;
    struct buffer name, text; /* of the tensor being read; scratch */
    bool has_metadata;
    struct error *err;
};

static bool json_fault(const struct header *header, const char *reason)
{
    size_t offset = header->data - (size_t)(header->scan.end - header->scan.at);
    source_fault(header->source, header->err, "header: offset %zu: %s", offset, reason);
    return false;
}

static bool name_fault(const struct header *header, const char *reason)
{
    tensor_fault(header->source, header->name.bytes, header->name.n_bytes, header->err, "%s",
                 reason);
    return false;
}

/* After a scan function failed on a field of the tensor being read. */
static bool field_fault(const struct header *header, const char *field)
{
    tensor_fault(header->source, header->name.bytes, header->name.n_bytes, header->err, "%s: %s",
                 field, header->scan.fault);
    return false;
}

static bool read_dtype(struct header *header, struct tensor *t)
{
    static const enum tensor_type types[] = {TENSOR_F32, TENSOR_F16, TENSOR_BF16, TENSOR_F64,
                                             TENSOR_I8,  TENSOR_I16, TENSOR_I32,  TENSOR_I64,
                                             TENSOR_U8,  TENSOR_BOOL};
    if (!json_scan_string(&header->scan, &header->text))
        return field_fault(header, "dtype");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(header->text.bytes, tensor_type_name(types[i])) == 0) {
            t->type = types[i];
            return true;
        }
    return tensor_fault(header->source, header->name.bytes, header->name.n_bytes, header->err,
                        "dtype '%.32s' is not supported", header->text.bytes);
}

static bool read_shape(struct header *header, struct tensor *t)
{
    uint64_t size;
    json_scan_open(&header->scan, '[');
    while (json_scan_next(&header->scan, ']')) {
        if (t->rank == TENSOR_MAX_RANK)
            return name_fault(header, "shape: more than 8 dimensions");
        if (!json_scan_integer(&header->scan, &size))
            break;
        t->shape[t->rank++] = size;
    }
    return header->scan.fault == NULL || field_fault(header, "shape");
}

/* [begin, end), relative to the data. */
static bool read_offsets(struct header *header, struct tensor *t)
{
    uint64_t ends[2];
    size_t count = 0;
    json_scan_open(&header->scan, '[');
    while (json_scan_next(&header->scan, ']')) {
        if (count == 2)
            return name_fault(header, "data_offsets: more than two");
        if (!json_scan_integer(&header->scan, &ends[count]))
            break;
        count++;
    }
    if (header->scan.fault != NULL)
        return field_fault(header, "data_offsets");
    if (count != 2 || ends[0] > ends[1])
        return name_fault(header, "data_offsets: not a beginning and an end");
    if (ends[1] > header->data_size)
        return tensor_fault(header->source, header->name.bytes, header->name.n_bytes, header->err,
                            "truncated: its data end at byte %llu, there are %zu",
                            (unsigned long long)ends[1], header->data_size);
    t->offset = header->data + ends[0];
    t->n_bytes = ends[1] - ends[0];
    return true;
}

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4 };

static bool read_field(struct header *header, struct tensor *t, unsigned *seen)
{
    static const char *const fields[] = {"dtype", "shape", "data_offsets"};
    if (!json_scan_string(&header->scan, &header->text) || !json_scan_colon(&header->scan))
        return field_fault(header, "a field");
    size_t field = 0;
    while (field < 3 && strcmp(header->text.bytes, fields[field]) != 0)
        field++;
    if (field == 3) /* the reference implementation ignores others */
        return json_scan_skip(&header->scan) || field_fault(header, "a field");
    if (*seen & 1u << field)
        return tensor_fault(header->source, header->name.bytes, header->name.n_bytes, header->err,
                            "%s: duplicate key", fields[field]);
    *seen |= 1u << field;
    return field == 0   ? read_dtype(header, t)
           : field == 1 ? read_shape(header, t)
                        : read_offsets(header, t);
}

/* {"dtype": ..., "shape": [...], "data_offsets": [begin, end]} */
static bool read_tensor(struct header *header)
{
    struct tensor t = {.file = header->file};
    unsigned seen = 0;
    if (!json_scan_open(&header->scan, '{'))
        return field_fault(header, "its description");
    while (json_scan_next(&header->scan, '}'))
        if (!read_field(header, &t, &seen))
            return false;
    if (header->scan.fault != NULL)
        return field_fault(header, "its description");
    if (seen != (HAS_DTYPE | HAS_SHAPE | HAS_OFFSETS))
        return name_fault(header, "dtype, shape or data_offsets is missing");
    return tensors_add(header->tensors, &t, header->name.bytes, header->name.n_bytes, header->err);
}

/* An object of strings, kept by nobody. */
static bool read_metadata(struct header *header)
{
    if (header->has_metadata)
        return json_fault(header, "__metadata__: duplicate key");
    header->has_metadata = true;
    json_scan_open(&header->scan, '{');
    while (json_scan_next(&header->scan, '}'))
        if (!json_scan_string(&header->scan, &header->text) || !json_scan_colon(&header->scan) ||
            !json_scan_string(&header->scan, &header->text))
            break;
    return header->scan.fault == NULL ||
           source_fault(header->source, header->err, "header: __metadata__: %s",
                        header->scan.fault);
}

static bool read_header(struct header *header)
{
    json_scan_open(&header->scan, '{');
    while (json_scan_next(&header->scan, '}')) {
        if (!json_scan_string(&header->scan, &header->name) || !json_scan_colon(&header->scan))
            break;
        bool metadata = strcmp(header->name.bytes, "__metadata__") == 0;
        if (metadata ? !read_metadata(header) : !read_tensor(header))
            return false;
    }
    if (header->scan.fault != NULL)
        return json_fault(header, header->scan.fault);
    return json_scan_end(&header->scan) || json_fault(header, "text after the end");
}

static int by_place(const void *a, const void *b, void *items)
{
    const struct tensor *first = (const struct tensor *)items + *(const uint32_t *)a;
    const struct tensor *second = (const struct tensor *)items + *(const uint32_t *)b;
    if (first->offset != second->offset)
        return first->offset < second->offset ? -1 : 1;
    return first->n_bytes < second->n_bytes ? -1 : first->n_bytes > second->n_bytes;
}

/* Every byte of the data belongs to exactly one of the tensors from number `first_tensor` on. */
static bool check_cover(const struct header *header, size_t first_tensor)
{
    struct tensors *tensors = header->tensors;
    size_t count = tensors->count - first_tensor, at = header->data;
    uint32_t *order = memory_new(count, sizeof *order, header->err);
    if (order == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)(first_tensor + i);
    if (count > 0)
        qsort_r(order, count, sizeof *order, by_place, tensors->items);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        const struct tensor *t = &tensors->items[order[i]];
        if (t->offset != at)
            ok = tensor_fault(header->source, t->name, strlen(t->name), header->err,
                              t->offset < at ? "data_offsets: overlap with another tensor"
                                             : "data_offsets: bytes not covered before it");
        at = t->offset + t->n_bytes;
    }
    memory_free(order);
    if (ok && at != header->source->n_bytes)
        ok = source_fault(header->source, header->err, "bytes not covered: %zu at its end",
                          header->source->n_bytes - at);
    return ok;
}

/* Reads the header's length and checks that so much is there. */
static bool measure(const struct source *source, size_t *n_header, struct error *err)
{
    unsigned char length[LENGTH_BYTES];
    if (!source_read(source, 0, length, sizeof length, err))
        return false;
    uint64_t n_bytes = little_u64(length);
    if (n_bytes > source->n_bytes - LENGTH_BYTES)
        /* Not the number: of a file that is something else these are its first eight bytes. */
        return source_fault(source, err,
                            "truncated, or not a safetensors file: its header is longer than the "
                            "%zu bytes that follow",
                            source->n_bytes - LENGTH_BYTES);
    if (n_bytes > TENSORS_MAX_HEADER)
        return source_fault(source, err, "header: larger than %zu MiB", TENSORS_MAX_HEADER >> 20);
    if (n_bytes < 2)
        return source_fault(source, err, "header: of %llu bytes is no JSON object",
                            (unsigned long long)n_bytes);
    *n_header = n_bytes;
    return true;
}

bool safetensors_parse(struct tensors *tensors, size_t file, struct error *err)
{
    const struct source *source = &tensors->files[file];
    size_t n_header = 0, bad_at = 0, first_tensor = tensors->count;
    if (!measure(source, &n_header, err))
        return false;
    char *text = memory_new_raw(n_header, 1, err);
    if (text == NULL)
        return false;
    struct header header = {.tensors = tensors,
                            .source = source,
                            .file = file,
                            .data = LENGTH_BYTES + n_header,
                            .data_size = source->n_bytes - LENGTH_BYTES - n_header,
                            .scan = {.at = text, .end = text + n_header},
                            .err = err};
    bool ok = source_read(source, LENGTH_BYTES, text, n_header, err);
    if (ok && !utf8_valid(text, n_header, &bad_at))
        ok = source_fault(source, err, "header: offset %zu: ill-formed UTF-8",
                          LENGTH_BYTES + bad_at);
    ok = ok && read_header(&header);
    memory_free(text);
    buffer_free(&header.name);
    buffer_free(&header.text);
    return ok && tensors_sort(tensors, err) && check_cover(&header, first_tensor);
}
