#include "model/torch.h"

#include "base/checked.h"
#include "model/pickle.h"
#include "model/zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a global is to us: a function that makes tensors, or (from TAG_TYPE on) an element type,
 * that of a storage class or a dtype. */
enum tag {
    TAG_MAP,
    TAG_TENSOR,    /* (storage, offset, size, stride) */
    TAG_TENSOR_V2, /* and requires_grad, hooks [, metadata] */
    TAG_TENSOR_V3, /* and dtype [, metadata] */
    TAG_PARAMETER, /* (tensor, requires_grad, hooks) */
    TAG_UNTYPED,   /* storage of bytes */
    TAG_STORAGE,
    TAG_DTYPE = TAG_STORAGE + 64
};

#define UTILS "torch._utils"
static const struct pickle_global globals[] = {
    {"collections", "OrderedDict", PICKLE_USE_MAP, TAG_MAP},
    {UTILS, "_rebuild_tensor", PICKLE_USE_CALL, TAG_TENSOR},
    {UTILS, "_rebuild_tensor_v2", PICKLE_USE_CALL, TAG_TENSOR_V2},
    {UTILS, "_rebuild_tensor_v3", PICKLE_USE_CALL, TAG_TENSOR_V3},
    {UTILS, "_rebuild_parameter", PICKLE_USE_CALL, TAG_PARAMETER},
    {"torch.storage", "UntypedStorage", PICKLE_USE_NAME, TAG_UNTYPED},
    {"torch", "FloatStorage", PICKLE_USE_NAME, TAG_STORAGE + TENSOR_F32},
    {"torch", "HalfStorage", PICKLE_USE_NAME, TAG_STORAGE + TENSOR_F16},
    {"torch", "BFloat16Storage", PICKLE_USE_NAME, TAG_STORAGE + TENSOR_BF16},
    {"torch", "DoubleStorage", PICKLE_USE_NAME, TAG_STORAGE + TENSOR_F64},
    {"torch", "CharStorage", PICKLE_USE_NAME, TAG_STORAGE + TENSOR_I8},
    {"torch", "ShortStorage", PICKLE_USE_NAME, TAG_STORAGE + TENSOR_I16},
    {"torch", "IntStorage", PICKLE_USE_NAME, TAG_STORAGE + TENSOR_I32},
    {"torch", "LongStorage", PICKLE_USE_NAME, TAG_STORAGE + TENSOR_I64},
    {"torch", "ByteStorage", PICKLE_USE_NAME, TAG_STORAGE + TENSOR_U8},
    {"torch", "BoolStorage", PICKLE_USE_NAME, TAG_STORAGE + TENSOR_BOOL},
    {"torch", "float32", PICKLE_USE_NAME, TAG_DTYPE + TENSOR_F32},
    {"torch", "float16", PICKLE_USE_NAME, TAG_DTYPE + TENSOR_F16},
    {"torch", "bfloat16", PICKLE_USE_NAME, TAG_DTYPE + TENSOR_BF16},
    {"torch", "float64", PICKLE_USE_NAME, TAG_DTYPE + TENSOR_F64},
    {"torch", "int8", PICKLE_USE_NAME, TAG_DTYPE + TENSOR_I8},
    {"torch", "int16", PICKLE_USE_NAME, TAG_DTYPE + TENSOR_I16},
    {"torch", "int32", PICKLE_USE_NAME, TAG_DTYPE + TENSOR_I32},
    {"torch", "int64", PICKLE_USE_NAME, TAG_DTYPE + TENSOR_I64},
    {"torch", "uint8", PICKLE_USE_NAME, TAG_DTYPE + TENSOR_U8},
    {"torch", "bool", PICKLE_USE_NAME, TAG_DTYPE + TENSOR_BOOL},
};
#define N_GLOBALS (sizeof globals / sizeof globals[0])

#define LEGACY "legacy PyTorch format; convert to safetensors"

/* PyTorch numbers its storages; older versions use addresses. */
#define MAX_KEY_DIGITS 20

/* A storage named by a persistent id. */
struct storage {
    const char *key; /* decimal digits, in the pickle */
    int tag;         /* TAG_UNTYPED or TAG_STORAGE + type */
    size_t n_bytes;
    size_t offset; /* in the file, once placed */
    bool placed;
};

struct reader {
    struct tensors *tensors;
    size_t file;
    const struct source *source;
    struct pickle pickle;     /* of the state dict */
    struct storage *storages; /* by key */
    size_t n_storages;
    struct error *err;
};

static size_t item_bytes(int tag)
{
    return tag == TAG_UNTYPED ? 1 : tensor_type_bytes((enum tensor_type)(tag - TAG_STORAGE));
}

static int tag_of(const struct pickle *pickle, uint32_t id)
{
    return pickle_kind(pickle, id) == PICKLE_GLOBAL ? globals[pickle->values[id].integer].tag : -1;
}

static bool is_storage_class(int tag)
{
    return tag >= TAG_UNTYPED && tag < TAG_DTYPE;
}

/* A non-negative integer. */
static bool size_of(const struct pickle *pickle, uint32_t id, size_t *size)
{
    if (pickle_kind(pickle, id) != PICKLE_INT || pickle->values[id].integer < 0)
        return false;
    *size = (size_t)pickle->values[id].integer;
    return true;
}

/* Reads ("storage", class, key, device, count [, view]) of a persistent id. */
static bool describe_storage(const struct reader *reader, uint32_t id, struct storage *storage)
{
    const struct pickle *p = &reader->pickle;
    struct pickle_item item = pickle_items(p, id);
    uint32_t tuple, parts[6];
    size_t n_key, count;
    if (pickle_kind(p, id) != PICKLE_PERSISTENT || !pickle_next(p, &item, &tuple))
        return source_fault(reader->source, reader->err, "pickle: a tensor without a storage");
    size_t n_parts = pickle_tuple(p, tuple, parts, 6);
    if (n_parts == 6 && pickle_kind(p, parts[5]) == PICKLE_TUPLE)
        return source_fault(reader->source, reader->err,
                            "pickle: a storage that is a view of another: " LEGACY);
    bool known = (n_parts == 5 || n_parts == 6) && pickle_text_is(p, parts[0], "storage") &&
                 is_storage_class(tag_of(p, parts[1])) && pickle_kind(p, parts[2]) == PICKLE_TEXT &&
                 pickle_kind(p, parts[3]) == PICKLE_TEXT && size_of(p, parts[4], &count) &&
                 (n_parts == 5 || pickle_kind(p, parts[5]) == PICKLE_NONE);
    if (!known)
        return source_fault(reader->source, reader->err,
                            "pickle: a persistent id is not ('storage', class, key, device, "
                            "count)");
    storage->key = pickle_text(p, parts[2], &n_key);
    if (n_key == 0 || n_key > MAX_KEY_DIGITS || strspn(storage->key, "0123456789") != n_key)
        return source_fault(reader->source, reader->err,
                            "pickle: the key of a storage is not a number");
    storage->tag = tag_of(p, parts[1]);
    if (!checked_mul(count, item_bytes(storage->tag), &storage->n_bytes) ||
        storage->n_bytes > reader->source->n_bytes)
        return source_fault(reader->source, reader->err,
                            "truncated: storage %s is said to have %zu elements", storage->key,
                            count);
    return true;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct storage *)a)->key, ((const struct storage *)b)->key);
}

static struct storage *find_storage(const struct reader *reader, const char *key)
{
    struct storage wanted = {.key = key};
    return reader->n_storages == 0 ? NULL
                                   : bsearch(&wanted, reader->storages, reader->n_storages,
                                             sizeof *reader->storages, by_key);
}

/* Lists the storages that the pickle names, each once. */
static bool collect_storages(struct reader *reader)
{
    const struct pickle *p = &reader->pickle;
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < p->n_values; i++)
        count += p->values[i].kind == PICKLE_PERSISTENT;
    reader->storages = memory_new(count, sizeof *reader->storages, reader->err);
    if (reader->storages == NULL)
        return false;
    for (size_t i = 0; i < p->n_values; i++)
        if (p->values[i].kind == PICKLE_PERSISTENT &&
            !describe_storage(reader, (uint32_t)i, &reader->storages[reader->n_storages++]))
            return false;
    if (count == 0)
        return true;
    qsort(reader->storages, count, sizeof *reader->storages, by_key);
    for (size_t i = 1; i < count; i++) {
        struct storage *last = &reader->storages[kept], *next = &reader->storages[i];
        if (strcmp(last->key, next->key) != 0)
            reader->storages[++kept] = *next;
        else if (last->tag != next->tag || last->n_bytes != next->n_bytes)
            return source_fault(reader->source, reader->err,
                                "pickle: storage %s is described in two ways", last->key);
    }
    reader->n_storages = kept + 1;
    return true;
}

/* Copies tuples of sizes and strides to `t`. */
static bool read_shape(const struct pickle *p, uint32_t size, uint32_t stride, struct tensor *t)
{
    uint32_t sizes[TENSOR_MAX_RANK], strides[TENSOR_MAX_RANK];
    if (pickle_kind(p, size) != PICKLE_TUPLE || pickle_kind(p, stride) != PICKLE_TUPLE)
        return false;
    t->rank = pickle_tuple(p, size, sizes, TENSOR_MAX_RANK);
    if (t->rank > TENSOR_MAX_RANK || pickle_tuple(p, stride, strides, TENSOR_MAX_RANK) != t->rank)
        return false;
    for (size_t i = 0; i < t->rank; i++) {
        if (!size_of(p, sizes[i], &t->shape[i]) || !size_of(p, strides[i], &t->strides[i]))
            return false;
        if (t->shape[i] == 1)
            t->strides[i] = 1; /* whatever it says, it is never stepped over */
        else if (t->strides[i] == 0)
            return false; /* a broadcast view */
    }
    return true;
}

/* Takes the arguments of a rebuild function apart: fills all of `t` but its place. */
static bool read_arguments(const struct reader *reader, uint32_t call, struct tensor *t,
                           const struct storage **storage, size_t *first)
{
    const struct pickle *p = &reader->pickle;
    struct pickle_item item = pickle_items(p, call);
    uint32_t function, tuple, arguments[8], persistent, key[6];
    if (pickle_kind(p, call) != PICKLE_CALL || !pickle_next(p, &item, &function) ||
        !pickle_next(p, &item, &tuple))
        return false;
    size_t count = pickle_tuple(p, tuple, arguments, 8);
    int tag = tag_of(p, function);
    bool arity = (tag == TAG_TENSOR && count == 4) ||
                 (tag == TAG_TENSOR_V2 && (count == 6 || count == 7)) ||
                 (tag == TAG_TENSOR_V3 && (count == 7 || count == 8));
    if (!arity || pickle_kind(p, arguments[0]) != PICKLE_PERSISTENT ||
        !size_of(p, arguments[1], first) || !read_shape(p, arguments[2], arguments[3], t))
        return false;
    item = pickle_items(p, arguments[0]);
    if (!pickle_next(p, &item, &persistent) || pickle_tuple(p, persistent, key, 6) < 5)
        return false;
    *storage = find_storage(reader, pickle_text(p, key[2], NULL));
    if (*storage == NULL)
        return false;
    int type = (*storage)->tag - TAG_STORAGE;
    if (tag == TAG_TENSOR_V3)
        type = tag_of(p, arguments[6]) - TAG_DTYPE;
    if (type < 0 || type > TENSOR_BOOL)
        return false;
    t->type = (enum tensor_type)type;
    return true;
}

static bool add_tensor(const struct reader *reader, uint32_t key, uint32_t value)
{
    const struct pickle *p = &reader->pickle;
    size_t n_name, first, at;
    const char *name = pickle_text(p, key, &n_name);
    if (name == NULL)
        return source_fault(reader->source, reader->err,
                            "pickle: a key of the state dict is not a string");
    struct pickle_item item = pickle_items(p, value);
    uint32_t function, tuple, parts[3];
    if (pickle_kind(p, value) == PICKLE_CALL && pickle_next(p, &item, &function) &&
        tag_of(p, function) == TAG_PARAMETER && pickle_next(p, &item, &tuple) &&
        pickle_tuple(p, tuple, parts, 3) == 3)
        value = parts[0];
    if (pickle_kind(p, value) != PICKLE_CALL)
        return tensor_fault(reader->source, name, n_name, reader->err, "not a tensor");
    struct tensor t = {.file = reader->file};
    const struct storage *storage;
    if (!read_arguments(reader, value, &t, &storage, &first))
        return tensor_fault(reader->source, name, n_name, reader->err,
                            "shape, stride or type is not one of a plain tensor");
    if (!checked_mul(first, tensor_type_bytes(t.type), &at) || at > storage->n_bytes)
        return tensor_fault(reader->source, name, n_name, reader->err,
                            "shape: it begins after the end of its storage");
    t.offset = storage->offset + at;
    t.n_bytes = storage->n_bytes - at;
    if (t.rank == 0 && t.n_bytes > tensor_type_bytes(t.type))
        t.n_bytes = tensor_type_bytes(t.type);
    return tensors_add(reader->tensors, &t, name, n_name, reader->err);
}

/* Adds all tensors of the state dict, whose storages are placed. */
static bool add_state_dict(const struct reader *reader)
{
    const struct pickle *p = &reader->pickle;
    if (pickle_kind(p, p->root) != PICKLE_DICT)
        return source_fault(reader->source, reader->err, "pickle: not a state dict");
    for (size_t i = 0; i < reader->n_storages; i++)
        if (!reader->storages[i].placed)
            return source_fault(reader->source, reader->err, "storage %s is missing",
                                reader->storages[i].key);
    struct pickle_item item = pickle_items(p, p->root);
    for (uint32_t key, value; pickle_next(p, &item, &key) && pickle_next(p, &item, &value);)
        if (!add_tensor(reader, key, value))
            return false;
    return tensors_sort(reader->tensors, reader->err);
}

/* Finds the directory under which all members are: the one that holds data.pkl. */
static const struct zip_entry *find_pickle(const struct reader *reader, const struct zip *zip)
{
    const struct zip_entry *found = NULL;
    for (size_t i = 0; i < zip->count; i++) {
        const struct zip_entry *entry = &zip->entries[i];
        const char *slash = strchr(entry->name, '/');
        if (slash == NULL)
            continue;
        if (strcmp(slash, "/constants.pkl") == 0 || strncmp(slash, "/code/", 6) == 0) {
            source_fault(reader->source, reader->err, "TorchScript archive: " LEGACY);
            return NULL;
        }
        if (strcmp(slash, "/data.pkl") != 0)
            continue;
        if (found != NULL) {
            source_fault(reader->source, reader->err, "two members are called data.pkl");
            return NULL;
        }
        found = entry;
    }
    if (found == NULL)
        source_fault(reader->source, reader->err, "no data.pkl: not a PyTorch file");
    return found;
}

/* Finds directory/name, where the directory is that of `pickle`. */
static const struct zip_entry *find_beside(const struct zip *zip, const struct zip_entry *pickle,
                                           const char *name)
{
    char path[4096 + 64]; /* a member's name is at most 4096 bytes */
    size_t n_directory = pickle->n_name - strlen("data.pkl");
    snprintf(path, sizeof path, "%.*s%s", (int)n_directory, pickle->name, name);
    return zip_find(zip, path);
}

static bool check_byte_order(const struct reader *reader, const struct zip *zip,
                             const struct zip_entry *pickle)
{
    const struct zip_entry *entry = find_beside(zip, pickle, "byteorder");
    char order[6];
    if (entry == NULL)
        return true;
    if (entry->n_bytes == sizeof order) {
        if (!source_read(reader->source, entry->offset, order, sizeof order, reader->err))
            return false;
        if (memcmp(order, "little", sizeof order) == 0)
            return true;
    }
    return source_fault(reader->source, reader->err, "its byte order is not little-endian");
}

static bool place_in_zip(const struct reader *reader, const struct zip *zip,
                         const struct zip_entry *pickle)
{
    for (size_t i = 0; i < reader->n_storages; i++) {
        struct storage *storage = &reader->storages[i];
        char name[8 + MAX_KEY_DIGITS];
        snprintf(name, sizeof name, "data/%s", storage->key);
        const struct zip_entry *entry = find_beside(zip, pickle, name);
        if (entry == NULL)
            continue;
        if (entry->n_bytes != storage->n_bytes)
            return source_fault(reader->source, reader->err,
                                "storage %s has %zu bytes, its pickle says %zu", storage->key,
                                entry->n_bytes, storage->n_bytes);
        storage->offset = entry->offset;
        storage->placed = true;
    }
    return true;
}

static bool read_zip(struct reader *reader, const struct zip *zip)
{
    const struct zip_entry *pickle = find_pickle(reader, zip);
    if (pickle == NULL)
        return false;
    if (pickle->n_bytes > TENSORS_MAX_HEADER)
        return source_fault(reader->source, reader->err, "data.pkl is larger than %zu MiB (limit)",
                            TENSORS_MAX_HEADER >> 20);
    for (size_t i = 0; i < zip->count; i++) {
        const struct zip_entry *entry = &zip->entries[i];
        struct tensors_member member = {.file = reader->file,
                                        .offset = entry->offset,
                                        .n_bytes = entry->n_bytes,
                                        .crc = entry->crc};
        if (!tensors_add_member(reader->tensors, &member, reader->err))
            return false;
    }
    struct cursor cursor;
    cursor_init(&cursor, reader->source, pickle->offset, pickle->n_bytes);
    if (!tensors_verify(reader->tensors, reader->file, pickle->offset, reader->err) ||
        !check_byte_order(reader, zip, pickle) ||
        !pickle_parse(&reader->pickle, &cursor, globals, N_GLOBALS, reader->err))
        return false;
    if (cursor_left(&cursor) != 0)
        return source_fault(reader->source, reader->err, "pickle: bytes after its end");
    return collect_storages(reader) && place_in_zip(reader, zip, pickle) && add_state_dict(reader);
}

static void reader_free(struct reader *reader)
{
    pickle_free(&reader->pickle);
    memory_free(reader->storages);
}

bool torch_parse_zip(struct tensors *tensors, size_t file, struct error *err)
{
    struct reader reader = {
        .tensors = tensors, .file = file, .source = &tensors->files[file], .err = err};
    struct zip zip;
    if (!zip_parse(&zip, reader.source, err))
        return false;
    bool ok = read_zip(&reader, &zip);
    reader_free(&reader);
    zip_free(&zip);
    return ok;
}

/* The stream begins with pickles of a magic number (checked by its bytes), of the version 1001, and
 * of a dict on the machine that wrote it. */
static bool read_preamble(const struct reader *reader, struct cursor *cursor)
{
    static const unsigned char magic[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                          0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e};
    unsigned char found[sizeof magic];
    struct pickle version, machine;
    if (!cursor_read(cursor, found, sizeof found, reader->err))
        return false;
    if (memcmp(found, magic, sizeof magic) != 0)
        return source_fault(reader->source, reader->err, "not a PyTorch file");
    if (!pickle_parse(&version, cursor, NULL, 0, reader->err))
        return false;
    size_t number = 0;
    bool known = size_of(&version, version.root, &number) && number == 1001;
    pickle_free(&version);
    if (!known)
        return source_fault(reader->source, reader->err,
                            "unsupported: a PyTorch stream of version %zu, not 1001", number);
    if (!pickle_parse(&machine, cursor, NULL, 0, reader->err))
        return false;
    bool little = false;
    struct pickle_item item = pickle_items(&machine, machine.root);
    for (uint32_t key, value;
         pickle_next(&machine, &item, &key) && pickle_next(&machine, &item, &value);)
        if (pickle_text_is(&machine, key, "little_endian"))
            little =
                pickle_kind(&machine, value) == PICKLE_BOOL && machine.values[value].integer != 0;
    pickle_free(&machine);
    return little ||
           source_fault(reader->source, reader->err, "its byte order is not little-endian");
}

/* Reads the storages in the order of the list of keys: a count, then the elements. */
static bool place_in_stream(const struct reader *reader, struct cursor *cursor,
                            const struct pickle *keys)
{
    struct pickle_item item = pickle_items(keys, keys->root);
    for (uint32_t id; pickle_next(keys, &item, &id);) {
        const char *key = pickle_text(keys, id, NULL);
        struct storage *storage = key != NULL ? find_storage(reader, key) : NULL;
        if (storage == NULL || storage->placed)
            return source_fault(reader->source, reader->err,
                                "the list of storages names one twice, or one that no tensor "
                                "uses");
        uint64_t count;
        size_t n_bytes;
        if (!cursor_u64(cursor, &count, reader->err))
            return false;
        if (!checked_mul((size_t)count, item_bytes(storage->tag), &n_bytes) ||
            n_bytes != storage->n_bytes)
            return source_fault(reader->source, reader->err,
                                "storage %s has %llu elements, its pickle says %zu", storage->key,
                                (unsigned long long)count,
                                storage->n_bytes / item_bytes(storage->tag));
        storage->offset = cursor->at;
        storage->placed = true;
        if (!cursor_skip(cursor, n_bytes, reader->err))
            return false;
    }
    return cursor_left(cursor) == 0 || source_fault(reader->source, reader->err,
                                                    "bytes not covered: %zu after the last "
                                                    "storage",
                                                    cursor_left(cursor));
}

bool torch_parse_stream(struct tensors *tensors, size_t file, struct error *err)
{
    struct reader reader = {
        .tensors = tensors, .file = file, .source = &tensors->files[file], .err = err};
    struct cursor cursor;
    struct pickle keys;
    cursor_init(&cursor, reader.source, 0, reader.source->n_bytes);
    if (!read_preamble(&reader, &cursor) ||
        !pickle_parse(&reader.pickle, &cursor, globals, N_GLOBALS, err))
        return false;
    bool ok = pickle_parse(&keys, &cursor, NULL, 0, err);
    if (ok) {
        ok = collect_storages(&reader) && place_in_stream(&reader, &cursor, &keys) &&
             add_state_dict(&reader);
        pickle_free(&keys);
    }
    reader_free(&reader);
    return ok;
}
