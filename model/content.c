#include "model/content.h"

#include <string.h>
#include <strings.h>

#define TAR_MAGIC_AT 257
#define LOOK_BYTES 264 /* up to the end of tar's magic, which lies furthest in */

#define SHORTLIST_MAGIC UINT64_C(0xF11A48D5013417F5)

/* A version number that CTranslate2 may reach; files beyond what we read are refused by the
 * parser. */
#define CT2_VERSION_BOUND 100

static bool starts_with(const unsigned char *bytes, size_t n_bytes, const char *text)
{
    size_t length = strlen(text);
    return n_bytes >= length && memcmp(bytes, text, length) == 0;
}

static bool is_web_page(const unsigned char *bytes, size_t n_bytes)
{
    size_t at = 0;
    if (starts_with(bytes, n_bytes, "\xef\xbb\xbf"))
        at = 3;
    while (at < n_bytes && memchr(" \t\r\n", bytes[at], 4) != NULL)
        at++;
    static const char *const openings[] = {"<!doctype", "<html", "<head", "<?xml"};
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        size_t length = strlen(openings[i]);
        if (n_bytes - at >= length &&
            strncasecmp((const char *)bytes + at, openings[i], length) == 0)
            return true;
    }
    return false;
}

static bool is_ct2(const unsigned char *bytes, size_t n_bytes)
{
    if (n_bytes < 12)
        return false;
    uint32_t version = little_u32(bytes);
    /* Version 1 goes on with the number of variables, the others with the spec's name. */
    size_t text_at = version == 1 ? 8 : 4;
    return version >= 1 && version < CT2_VERSION_BOUND && little_u16(bytes + text_at) >= 2 &&
           bytes[text_at + 2] > ' ' && bytes[text_at + 2] < 0x7f;
}

static enum content look(const unsigned char *bytes, size_t n_bytes, size_t file_bytes)
{
    if (n_bytes >= 8 && little_u64(bytes) == 1) /* also of files with '{' items */
        return CONTENT_MARIAN;
    if (n_bytes > 8 && little_u64(bytes) <= file_bytes - 8 &&
        memchr("{ \t\r\n", bytes[8], 5) != NULL)
        return CONTENT_SAFETENSORS;
    if (n_bytes >= 8 && little_u64(bytes) == SHORTLIST_MAGIC)
        return CONTENT_SHORTLIST;
    if (starts_with(bytes, n_bytes, "PK\3\4"))
        return CONTENT_ZIP;
    if (starts_with(bytes, n_bytes, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."))
        return CONTENT_TORCH_STREAM;
    if (starts_with(bytes, n_bytes, "version https://git-lfs"))
        return CONTENT_LFS_POINTER;
    if (is_web_page(bytes, n_bytes))
        return CONTENT_WEB_PAGE;
    if (starts_with(bytes, n_bytes, "\x1f\x8b"))
        return CONTENT_GZIP;
    if (starts_with(bytes, n_bytes, "GGUF") || starts_with(bytes, n_bytes, "lmgg"))
        return CONTENT_GGUF;
    if (starts_with(bytes, n_bytes, "\x89HDF\r\n\x1a\n"))
        return CONTENT_HDF5;
    if (n_bytes >= LOOK_BYTES && memcmp(bytes + TAR_MAGIC_AT, "ustar", 5) == 0)
        return CONTENT_TAR;
    if (n_bytes >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5)
        return CONTENT_PICKLE;
    return is_ct2(bytes, n_bytes) ? CONTENT_CT2 : CONTENT_UNKNOWN;
}

bool content_of(const struct source *source, enum content *content, struct error *err)
{
    unsigned char bytes[LOOK_BYTES];
    size_t n_bytes = source->n_bytes < LOOK_BYTES ? source->n_bytes : LOOK_BYTES;
    if (!source_read(source, 0, bytes, n_bytes, err))
        return false;
    *content = look(bytes, n_bytes, source->n_bytes);
    return true;
}

bool content_check(const struct source *source, enum content content, struct error *err)
{
    switch (content) {
    case CONTENT_LFS_POINTER:
        return source_fault(source, err,
                            "git-lfs pointer, not a model: fetch the file itself (git lfs pull)");
    case CONTENT_WEB_PAGE:
        return source_fault(source, err,
                            "not a safetensors, npz or PyTorch file: it is a web page; download "
                            "the file itself");
    case CONTENT_GZIP:
        return source_fault(source, err, "compressed with gzip: decompress it first");
    case CONTENT_GGUF:
    case CONTENT_HDF5:
        return source_fault(source, err, "unsupported: %s", content_name(content));
    case CONTENT_PICKLE:
    case CONTENT_TAR:
        return source_fault(source, err, "legacy PyTorch format; convert to safetensors");
    default:
        return true;
    }
}

const char *content_name(enum content content)
{
    static const char *const names[] = {
        [CONTENT_UNKNOWN] = "an unknown kind of file",
        [CONTENT_SAFETENSORS] = "a safetensors file",
        [CONTENT_ZIP] = "a zip archive (PyTorch or npz)",
        [CONTENT_TORCH_STREAM] = "a PyTorch file",
        [CONTENT_PICKLE] = "a pickle",
        [CONTENT_TAR] = "a tar archive",
        [CONTENT_MARIAN] = "a Marian binary",
        [CONTENT_SHORTLIST] = "a lexical shortlist",
        [CONTENT_CT2] = "a CTranslate2 model",
        [CONTENT_GGUF] = "a GGUF model",
        [CONTENT_HDF5] = "a TensorFlow checkpoint (HDF5)",
        [CONTENT_GZIP] = "a gzip file",
        [CONTENT_LFS_POINTER] = "a git-lfs pointer",
        [CONTENT_WEB_PAGE] = "a web page",
    };
    return names[content];
}
