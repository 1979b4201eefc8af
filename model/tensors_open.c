/* Opening: which files of a directory hold the tensors, and which parser reads them. */
#include "model/content.h"
#include "model/ct2.h"
#include "model/foreign.h"
#include "model/marian_bin.h"
#include "model/npz.h"
#include "model/safetensors.h"
#include "model/shards.h"
#include "model/tensors_build.h"
#include "model/torch.h"
#include "model/zip.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* What a single file of this content is, by content alone. */
static enum tensor_format format_of(enum content content)
{
    switch (content) {
    case CONTENT_SAFETENSORS:
        return FORMAT_SAFETENSORS;
    case CONTENT_TORCH_STREAM:
        return FORMAT_TORCH;
    case CONTENT_MARIAN:
        return FORMAT_MARIAN;
    case CONTENT_CT2:
        return FORMAT_CT2;
    default:
        return FORMAT_AUTO;
    }
}

static bool wrong_content(const struct source *source, const char *wanted, enum content content,
                          struct error *err)
{
    return source_fault(source, err, "not %s but %s", wanted, content_name(content));
}

/* Parses an open file as `format`, after its content has been looked at. A file of unknown content
 * goes to the parser of its format, which knows best what is wrong with it. */
static bool parse_as(struct tensors *tensors, size_t file, enum tensor_format format,
                     enum content content, struct error *err)
{
    const struct source *source = &tensors->files[file];
    bool unknown = content == CONTENT_UNKNOWN;
    tensors->format = format;
    switch (format) {
    case FORMAT_SAFETENSORS:
        return content == CONTENT_SAFETENSORS || unknown
                   ? safetensors_parse(tensors, file, err)
                   : wrong_content(source, "a safetensors file", content, err);
    case FORMAT_TORCH:
        if (content == CONTENT_ZIP)
            return torch_parse_zip(tensors, file, err);
        return content == CONTENT_TORCH_STREAM
                   ? torch_parse_stream(tensors, file, err)
                   : wrong_content(source, "a PyTorch file", content, err);
    case FORMAT_MARIAN:
        if (content == CONTENT_ZIP)
            return npz_parse(tensors, file, err);
        return content == CONTENT_MARIAN
                   ? marian_bin_parse(tensors, file, err)
                   : wrong_content(source, "a Marian model (npz or binary)", content, err);
    case FORMAT_CT2:
        return content == CONTENT_CT2 || unknown
                   ? ct2_parse(tensors, file, err)
                   : wrong_content(source, "a CTranslate2 model", content, err);
    case FORMAT_AUTO:
    case FORMAT_HF:
        break;
    }
    return format == FORMAT_HF && !unknown
               ? wrong_content(source, "a safetensors or PyTorch file", content, err)
               : source_fault(source, err, "not a safetensors, npz or PyTorch file");
}

/* A zip archive is PyTorch's if it has a pickle, else it is an npz. */
static bool format_of_zip(const struct source *source, enum tensor_format *format,
                          struct error *err)
{
    struct zip zip;
    if (!zip_parse(&zip, source, err))
        return false;
    *format = FORMAT_MARIAN;
    for (size_t i = 0; i < zip.count; i++) {
        const char *slash = strchr(zip.entries[i].name, '/');
        if (slash != NULL && strcmp(slash, "/data.pkl") == 0)
            *format = FORMAT_TORCH;
    }
    zip_free(&zip);
    return true;
}

/* Looks at an open file and parses it. */
static bool parse_file(struct tensors *tensors, size_t file, enum tensor_format format,
                       struct error *err)
{
    const struct source *source = &tensors->files[file];
    enum content content;
    if (!content_of(source, &content, err) || !content_check(source, content, err))
        return false;
    enum tensor_format found = format_of(content);
    if (content == CONTENT_ZIP && (format == FORMAT_AUTO || format == FORMAT_HF) &&
        !format_of_zip(source, &found, err))
        return false;
    if (format == FORMAT_AUTO ||
        (format == FORMAT_HF && (found == FORMAT_SAFETENSORS || found == FORMAT_TORCH)))
        format = found;
    return parse_as(tensors, file, format, content, err);
}

bool tensors_open_bytes(struct tensors **out, const char *name, const void *bytes, size_t n_bytes,
                        enum tensor_format format, struct error *err)
{
    struct tensors *tensors = tensors_new(1, err);
    if (tensors == NULL)
        return false;
    source_of_bytes(&tensors->files[0], name, bytes, n_bytes);
    if (!parse_file(tensors, 0, format, err)) {
        tensors_close(tensors, NULL);
        return false;
    }
    *out = tensors;
    return true;
}

static bool open_one(struct tensors **out, const char *directory, const char *name,
                     enum tensor_format format, struct error *err)
{
    struct tensors *tensors = tensors_new(1, err);
    if (tensors == NULL)
        return false;
    if (!source_open(&tensors->files[0], directory, name, err) ||
        !parse_file(tensors, 0, format, err)) {
        tensors_close(tensors, NULL);
        return false;
    }
    *out = tensors;
    return true;
}

static bool open_shards(struct tensors **out, const char *directory, const char *index,
                        enum tensor_format format, struct error *err)
{
    struct shards shards;
    size_t n_bytes;
    char *text = file_load(directory, index, TENSORS_MAX_HEADER, &n_bytes, err);
    if (text == NULL)
        return false;
    bool ok = shards_parse(&shards, index, text, n_bytes, err);
    memory_free(text);
    if (!ok)
        return false;
    struct tensors *tensors = tensors_new(shards.n_files, err);
    ok = tensors != NULL;
    for (size_t i = 0; ok && i < shards.n_files; i++)
        ok = source_open(&tensors->files[i], directory, shards.files[i], err) &&
             parse_file(tensors, i, format, err);
    ok = ok && shards_check(&shards, index, tensors, err);
    shards_free(&shards);
    if (ok)
        *out = tensors;
    else
        tensors_close(tensors, NULL);
    return ok;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t n_text = strlen(text), n_suffix = strlen(suffix);
    return n_text > n_suffix && strcmp(text + n_text - n_suffix, suffix) == 0;
}

/* True if directory/name is a Marian binary; a file that cannot be looked at is none. */
static bool is_marian_binary(const char *directory, const char *name)
{
    struct source source;
    enum content content = CONTENT_UNKNOWN;
    if (!source_open(&source, directory, name, NULL))
        return false;
    bool looked = content_of(&source, &content, NULL);
    source_close(&source, NULL);
    return looked && content == CONTENT_MARIAN;
}

/* Finds the one Marian file of a directory: model.npz, or the only *.npz, or the only Marian *.bin.
 * `name` is left empty if there is none. */
static bool find_marian(const char *directory, char name[256], struct error *err)
{
    name[0] = '\0';
    if (file_exists(directory, "model.npz")) {
        memcpy(name, "model.npz", sizeof "model.npz");
        return true;
    }
    DIR *listing = opendir(directory);
    if (listing == NULL)
        return error_set_errno(err, ERROR_MODEL, errno, "%s", directory);
    bool ok = true, found_npz = false;
    struct dirent *entry;
    while (ok && (entry = readdir(listing)) != NULL) {
        bool npz = ends_with(entry->d_name, ".npz");
        bool binary = !npz && !found_npz && ends_with(entry->d_name, ".bin") &&
                      is_marian_binary(directory, entry->d_name);
        if (!npz && !binary)
            continue;
        if (name[0] != '\0' && npz == found_npz)
            ok = error_set(err, ERROR_MODEL,
                           "%s: several Marian models ('%s', '%s'): give the file to use",
                           directory, name, entry->d_name);
        size_t length = strlen(entry->d_name);
        memcpy(name, entry->d_name, length + 1); /* d_name is char[256] */
        found_npz = npz;
    }
    closedir(listing);
    return ok;
}

/* Which file of a directory holds the tensors, or lists those that do. */
struct choice {
    char name[256]; /* empty: there is none */
    enum tensor_format format;
    bool is_index;
};

/* The layouts of a directory, in order of preference. */
static const struct choice layouts[] = {
    {"model.safetensors", FORMAT_SAFETENSORS, false},
    {"model.safetensors.index.json", FORMAT_SAFETENSORS, true},
    {"pytorch_model.bin", FORMAT_TORCH, false},
    {"pytorch_model.bin.index.json", FORMAT_TORCH, true},
};

static bool is_wanted(enum tensor_format wanted, enum tensor_format format)
{
    return wanted == FORMAT_AUTO || wanted == format ||
           (wanted == FORMAT_HF && (format == FORMAT_SAFETENSORS || format == FORMAT_TORCH));
}

static bool choose(struct choice *choice, const char *directory, enum tensor_format wanted,
                   struct error *err)
{
    *choice = (struct choice){0};
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
        if (is_wanted(wanted, layouts[i].format) && file_exists(directory, layouts[i].name)) {
            *choice = layouts[i];
            return true;
        }
    if (is_wanted(wanted, FORMAT_CT2) && file_exists(directory, "model.bin") &&
        (wanted == FORMAT_CT2 || !is_marian_binary(directory, "model.bin"))) {
        *choice = (struct choice){"model.bin", FORMAT_CT2, false};
        return true;
    }
    choice->format = FORMAT_MARIAN;
    return !is_wanted(wanted, FORMAT_MARIAN) || find_marian(directory, choice->name, err);
}

static bool refuse_directory(const char *directory, enum tensor_format wanted, struct error *err)
{
    static const char *const names[] = {
        [FORMAT_SAFETENSORS] = "safetensors", [FORMAT_TORCH] = "PyTorch",
        [FORMAT_MARIAN] = "Marian",           [FORMAT_CT2] = "CTranslate2",
        [FORMAT_HF] = "Hugging Face",
    };
    struct choice other;
    if (wanted != FORMAT_AUTO && choose(&other, directory, FORMAT_AUTO, NULL) &&
        other.name[0] != '\0')
        return error_set(err, ERROR_MODEL, "%s: no %s model; it has '%s'", directory, names[wanted],
                         other.name);
    return foreign_check_directory(directory, err) &&
           error_set(err, ERROR_MODEL,
                     "%s: no model file (model.safetensors, pytorch_model.bin, model.bin, *.npz "
                     "or a Marian *.bin)",
                     directory);
}

bool tensors_open(struct tensors **tensors, const char *directory, enum tensor_format format,
                  struct error *err)
{
    struct stat status;
    struct choice choice;
    if (stat(directory, &status) != 0)
        return error_set_errno(err, ERROR_MODEL, errno, "%s", directory);
    if (!S_ISDIR(status.st_mode)) {
        const char *kind = format == FORMAT_AUTO ? foreign_file(directory) : NULL;
        return kind != NULL ? error_set(err, ERROR_MODEL, "%s: unsupported: %s", directory, kind)
                            : open_one(tensors, NULL, directory, format, err);
    }
    if (!choose(&choice, directory, format, err))
        return false;
    if (choice.name[0] == '\0')
        return refuse_directory(directory, format, err);
    return choice.is_index ? open_shards(tensors, directory, choice.name, choice.format, err)
                           : open_one(tensors, directory, choice.name, choice.format, err);
}
