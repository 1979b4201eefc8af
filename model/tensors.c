#include "model/tensors_build.h"

#include "base/checked.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define NOTE_MAX_BYTES ((size_t)1 << 20)

/* How much of a tensor's name a message shows. */
#define SHOWN_NAME_BYTES 128

size_t tensor_type_bytes(enum tensor_type type)
{
    static const size_t bytes[] = {
        [TENSOR_F32] = 4, [TENSOR_F16] = 2,  [TENSOR_BF16] = 2,     [TENSOR_F64] = 8,
        [TENSOR_I8] = 1,  [TENSOR_I16] = 2,  [TENSOR_I32] = 4,      [TENSOR_I64] = 8,
        [TENSOR_U8] = 1,  [TENSOR_BOOL] = 1, [TENSOR_INTGEMM8] = 1,
    };
    return bytes[type];
}

const char *tensor_type_name(enum tensor_type type)
{
    static const char *const names[] = {
        [TENSOR_F32] = "F32",
        [TENSOR_F16] = "F16",
        [TENSOR_BF16] = "BF16",
        [TENSOR_F64] = "F64",
        [TENSOR_I8] = "I8",
        [TENSOR_I16] = "I16",
        [TENSOR_I32] = "I32",
        [TENSOR_I64] = "I64",
        [TENSOR_U8] = "U8",
        [TENSOR_BOOL] = "BOOL",
        [TENSOR_INTGEMM8] = "INTGEMM8",
    };
    return names[type];
}

bool tensor_count_elements(const size_t *shape, size_t rank, size_t *n_elements)
{
    size_t product = 1;
    for (size_t i = 0; i < rank; i++)
        if (!checked_mul(product, shape[i], &product))
            return false;
    *n_elements = product;
    return true;
}

bool tensor_fault(const struct source *source, const char *name, size_t n_name, struct error *err,
                  const char *format, ...)
{
    char shown[SHOWN_NAME_BYTES], text[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    error_escape(shown, sizeof shown, name, n_name);
    return source_fault(source, err, "tensor '%s': %s", shown, text);
}

struct tensors *tensors_new(size_t n_files, struct error *err)
{
    struct tensors *tensors = memory_new(1, sizeof *tensors, err);
    if (tensors == NULL)
        return NULL;
    tensors->cache = memory_new(1, sizeof *tensors->cache, err);
    tensors->files = memory_new(n_files, sizeof *tensors->files, err);
    if (tensors->cache == NULL || tensors->files == NULL) {
        tensors_close(tensors, NULL);
        return NULL;
    }
    tensors->n_files = n_files;
    for (size_t i = 0; i < n_files; i++)
        tensors->files[i].file.descriptor = -1;
    return tensors;
}

bool tensors_close(struct tensors *tensors, struct error *err)
{
    if (tensors == NULL)
        return true;
    bool unchanged = true;
    for (size_t i = 0; i < tensors->n_files; i++)
        unchanged = source_close(&tensors->files[i], err) && unchanged;
    if (tensors->cache != NULL) {
        memory_free(tensors->cache->storage);
        memory_free(tensors->cache->window);
        memory_free(tensors->cache->members);
        memory_free(tensors->cache);
    }
    memory_free(tensors->files);
    memory_free(tensors->items);
    memory_free(tensors->sorted);
    arena_free(&tensors->arena);
    memory_free(tensors);
    return unchanged;
}

static bool check_name(const struct source *source, const char *name, size_t n_name,
                       struct error *err)
{
    if (n_name > TENSOR_MAX_NAME)
        return tensor_fault(source, name, n_name, err, "the name is longer than %d bytes",
                            TENSOR_MAX_NAME);
    if (n_name == 0 || memchr(name, '\0', n_name) != NULL || !utf8_valid(name, n_name, NULL))
        return tensor_fault(source, name, n_name, err,
                            "the name is empty, holds a NUL, or is not UTF-8");
    return true;
}

static bool check_shape(const struct source *source, struct tensor *t, const char *name,
                        size_t n_name, struct error *err)
{
    for (size_t i = 0; i < t->rank; i++)
        if (t->shape[i] > TENSOR_MAX_DIMENSION)
            return tensor_fault(source, name, n_name, err,
                                "shape: dimension %zu is %zu, more than %zu", i, t->shape[i],
                                TENSOR_MAX_DIMENSION);
    if (!tensor_count_elements(t->shape, t->rank, &t->n_elements))
        return tensor_fault(source, name, n_name, err, "shape: the product overflows");
    return true;
}

static void set_row_major(struct tensor *t)
{
    size_t stride = 1;
    for (size_t i = t->rank; i-- > 0;) {
        t->strides[i] = stride;
        stride *= t->shape[i] != 0 ? t->shape[i] : 1; /* check_shape() has checked the product */
    }
}

/* Elements from the first to the last of a view, after checking that no two of its elements share a
 * place: sorted by stride, each axis must step over all that the smaller ones reach. */
static bool view_span(const struct tensor *t, size_t *span)
{
    size_t axes[TENSOR_MAX_RANK], n_axes = 0;
    for (size_t i = 0; i < t->rank; i++) {
        if (t->shape[i] == 1)
            continue;
        size_t at = n_axes++;
        for (; at > 0 && t->strides[axes[at - 1]] > t->strides[i]; at--)
            axes[at] = axes[at - 1];
        axes[at] = i;
    }
    size_t reach = 1;
    for (size_t a = 0; a < n_axes; a++) {
        size_t stride = t->strides[axes[a]], step;
        if (stride < reach || !checked_mul(t->shape[axes[a]] - 1, stride, &step) ||
            !checked_add(reach, step, &reach))
            return false;
    }
    *span = reach;
    return true;
}

/* Checks the bytes against shape and strides and cuts them to what the tensor spans. */
static bool check_bytes(const struct source *source, struct tensor *t, const char *name,
                        size_t n_name, struct error *err)
{
    bool row_major = true;
    for (size_t i = 0; i < t->rank; i++)
        row_major = row_major && t->strides[i] == 0;
    size_t span = t->n_elements, need;
    if (row_major || t->n_elements == 0)
        set_row_major(t);
    else if (!view_span(t, &span))
        return tensor_fault(source, name, n_name, err,
                            "shape: strides overlap or reach too far (a broadcast view?)");
    if (!checked_mul(span, tensor_type_bytes(t->type), &need))
        return tensor_fault(source, name, n_name, err, "shape: the size in bytes overflows");
    if (row_major ? need != t->n_bytes : need > t->n_bytes)
        return tensor_fault(source, name, n_name, err,
                            "shape: %zu elements of %s are %zu bytes, the file has %zu", span,
                            tensor_type_name(t->type), need, t->n_bytes);
    t->n_bytes = need;
    if (!checked_range(t->offset, t->n_bytes, source->n_bytes))
        return tensor_fault(source, name, n_name, err,
                            "truncated: %zu bytes at offset %zu of a file of %zu", t->n_bytes,
                            t->offset, source->n_bytes);
    return true;
}

bool tensors_add(struct tensors *tensors, const struct tensor *draft, const char *name,
                 size_t n_name, struct error *err)
{
    const struct source *source = &tensors->files[draft->file];
    struct tensor t = *draft;
    if (tensors->count == TENSORS_MAX_COUNT)
        return source_fault(source, err, "more than %d tensors", TENSORS_MAX_COUNT);
    if (!check_name(source, name, n_name, err) || !check_shape(source, &t, name, n_name, err) ||
        !check_bytes(source, &t, name, n_name, err))
        return false;
    if (tensors->count == tensors->capacity) {
        size_t capacity = tensors->capacity != 0 ? 2 * tensors->capacity : 64;
        if (!memory_resize(&tensors->items, tensors->count, capacity, sizeof *tensors->items, err))
            return false;
        tensors->capacity = capacity;
    }
    t.name = arena_text(&tensors->arena, name, n_name, err);
    if (t.name == NULL)
        return false;
    tensors->items[tensors->count++] = t;
    return true;
}

static int by_name(const void *a, const void *b, void *items)
{
    const struct tensor *t = items;
    return strcmp(t[*(const uint32_t *)a].name, t[*(const uint32_t *)b].name);
}

bool tensors_sort(struct tensors *tensors, struct error *err)
{
    if (!memory_resize(&tensors->sorted, 0, tensors->count, sizeof *tensors->sorted, err))
        return false;
    tensors->n_sorted = tensors->count;
    for (size_t i = 0; i < tensors->count; i++)
        tensors->sorted[i] = (uint32_t)i;
    if (tensors->count == 0)
        return true;
    qsort_r(tensors->sorted, tensors->count, sizeof *tensors->sorted, by_name, tensors->items);
    for (size_t i = 1; i < tensors->count; i++) {
        const struct tensor *t = &tensors->items[tensors->sorted[i]];
        if (strcmp(tensors->items[tensors->sorted[i - 1]].name, t->name) == 0)
            return tensor_fault(&tensors->files[t->file], t->name, strlen(t->name), err,
                                "duplicate name");
    }
    return true;
}

const struct tensor *tensors_find(const struct tensors *tensors, const char *name)
{
    size_t low = 0, high = tensors->n_sorted;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct tensor *t = &tensors->items[tensors->sorted[middle]];
        int order = strcmp(name, t->name);
        if (order == 0)
            return t;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

enum tensor_format tensors_format(const struct tensors *tensors)
{
    return tensors->format;
}

const char *tensors_file_name(const struct tensors *tensors, size_t file)
{
    return tensors->files[file].file.name;
}

size_t tensors_file_count(const struct tensors *tensors)
{
    return tensors->n_files;
}

size_t tensors_count(const struct tensors *tensors)
{
    return tensors->count;
}

const struct tensor *tensors_at(const struct tensors *tensors, size_t index)
{
    return &tensors->items[index];
}

bool tensors_add_note(struct tensors *tensors, const char *key, const char *text, size_t n_bytes,
                      struct error *err)
{
    struct tensors_note *note = arena_new(&tensors->arena, 1, sizeof *note, err);
    if (note == NULL)
        return false;
    note->key = arena_text(&tensors->arena, key, strlen(key), err);
    note->text = arena_text(&tensors->arena, text, n_bytes, err);
    if (note->key == NULL || note->text == NULL)
        return false;
    note->n_bytes = n_bytes;
    note->next = tensors->notes;
    tensors->notes = note;
    return true;
}

bool tensors_add_note_at(struct tensors *tensors, const char *key, size_t file, size_t offset,
                         size_t n_bytes, struct error *err)
{
    const struct source *source = &tensors->files[file];
    if (tensors_note(tensors, key, NULL) != NULL)
        return source_fault(source, err, "'%s': duplicate", key);
    if (n_bytes > NOTE_MAX_BYTES)
        return source_fault(source, err, "'%s': larger than %zu MiB", key, NOTE_MAX_BYTES >> 20);
    char *text = memory_new_raw(n_bytes, 1, err);
    if (text == NULL)
        return false;
    bool ok = source_read(source, offset, text, n_bytes, err);
    if (ok) {
        const char *nul = memchr(text, '\0', n_bytes);
        ok = nul != NULL ? tensors_add_note(tensors, key, text, (size_t)(nul - text), err)
                         : source_fault(source, err, "'%s': does not end with a NUL", key);
    }
    memory_free(text);
    return ok;
}

const char *tensors_note(const struct tensors *tensors, const char *key, size_t *n_bytes)
{
    for (const struct tensors_note *note = tensors->notes; note != NULL; note = note->next) {
        if (strcmp(note->key, key) != 0)
            continue;
        if (n_bytes != NULL)
            *n_bytes = note->n_bytes;
        return note->text;
    }
    return NULL;
}

bool tensors_add_member(struct tensors *tensors, const struct tensors_member *member,
                        struct error *err)
{
    struct tensors_cache *cache = tensors->cache;
    if (cache->n_members == cache->member_capacity) {
        size_t capacity = cache->member_capacity != 0 ? 2 * cache->member_capacity : 64;
        if (!memory_resize(&cache->members, cache->n_members, capacity, sizeof *cache->members,
                           err))
            return false;
        cache->member_capacity = capacity;
    }
    cache->members[cache->n_members++] = *member;
    return true;
}

bool tensors_verify(const struct tensors *tensors, size_t file, size_t offset, struct error *err)
{
    struct tensors_cache *cache = tensors->cache;
    /* Members come in order of file and offset: the last that begins at or before `offset`. */
    size_t low = 0, high = cache->n_members;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct tensors_member *m = &cache->members[middle];
        if (m->file < file || (m->file == file && m->offset <= offset))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return true;
    struct tensors_member *member = &cache->members[low - 1];
    if (member->file != file || offset - member->offset >= member->n_bytes || member->verified)
        return true;
    unsigned char block[16384];
    uint32_t crc = 0;
    for (size_t done = 0; done < member->n_bytes;) {
        size_t left = member->n_bytes - done;
        size_t n = left < sizeof block ? left : sizeof block;
        if (!source_read(&tensors->files[file], member->offset + done, block, n, err))
            return false;
        crc = (uint32_t)crc32_z(crc, block, n);
        done += n;
    }
    if (crc != member->crc)
        return source_fault(&tensors->files[file], err,
                            "wrong checksum of the member at offset %zu: the file is damaged",
                            member->offset);
    member->verified = true;
    return true;
}
