#include "tokenizer/tokenizer.h"

#include "base/json.h"
#include "base/threads.h"
#include "tokenizer/family.h"

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONFIG_MAX_BYTES ((size_t)1 << 20)

/* ---- opening -----------------------------------------------------------------------------------
 */

/* Stack that the library may need while it loads: it recurses once for each byte of a piece; and
 * what a main thread that calls us may have used of its own, which only /proc could tell. */
#define LOAD_STACK_BYTES ((size_t)1 << 20)
#define MAIN_STACK_BYTES ((size_t)4 << 20)

static bool has_stack(void)
{
    pthread_attr_t attributes;
    void *low = NULL;
    size_t n_bytes = 0;
    struct rlimit limit;
    if (gettid() == getpid())
        return getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur >= MAIN_STACK_BYTES;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return false;
    int status = pthread_attr_getstack(&attributes, &low, &n_bytes);
    pthread_attr_destroy(&attributes);
    return status == 0 && (uintptr_t)&attributes - (uintptr_t)low >= LOAD_STACK_BYTES;
}

struct loading {
    struct splitter *splitter;
    bool ok;
    struct error err;
};

static void *load_library(void *argument)
{
    struct loading *loading = argument;
    struct splitter *splitter = loading->splitter;
    error_clear(&loading->err);
    loading->ok = sentencepiece_open(&splitter->library, splitter->file, splitter->bytes,
                                     splitter->n_bytes, splitter->spm.pieces.count, &loading->err);
    return NULL;
}

/* Here if there is stack enough, else on a thread of its own. */
static bool load_here(struct loading *loading, struct error *err)
{
    pthread_t thread;
    if (has_stack())
        load_library(loading);
    else if (!thread_start(&thread, load_library, loading, err))
        return false;
    else
        pthread_join(thread, NULL);
    return loading->ok || error_set(err, loading->err.code, "%s", loading->err.text);
}

/* Loading takes its time, so that a second model is loaded beside the first. A thread may have less
 * memory to itself (malloc's arenas): what fails there for lack of it is tried again here. */
static bool open_libraries(struct opening *opening)
{
    struct splitter *const *side = opening->tokenizer->splitter;
    struct loading source = {.splitter = side[TOKENIZER_SOURCE]};
    struct loading target = {.splitter = side[TOKENIZER_TARGET]};
    pthread_t thread;
    if (source.splitter == NULL || opening->options->pieces_only)
        return true;
    bool both = opening->options->encodes_target && target.splitter != source.splitter;
    bool beside = both && thread_start(&thread, load_library, &target, NULL);
    bool ok = load_here(&source, opening->err);
    if (beside)
        pthread_join(thread, NULL);
    if (!ok || !both || target.ok)
        return ok;
    if (beside && target.err.code != ERROR_MEMORY)
        return error_set(opening->err, target.err.code, "%s", target.err.text);
    return load_here(&target, opening->err);
}

static bool load_config(struct opening *opening, cJSON **root, const char *file)
{
    if (!file_exists(opening->directory, file))
        return true;
    if (!json_load(root, opening->directory, file, CONFIG_MAX_BYTES, opening->err))
        return false;
    return cJSON_IsObject(*root) || error_set(opening->err, ERROR_MODEL, "%s: not an object", file);
}

static bool open_family(struct opening *opening)
{
    switch (opening->options->family) {
    case TOKENIZER_MARIAN:
        return marian_open(opening);
    case TOKENIZER_M2M100:
        return m2m100_open(opening);
    case TOKENIZER_NLLB:
        return nllb_open(opening);
    case TOKENIZER_MBART:
        return mbart_open(opening);
    case TOKENIZER_T5:
        return t5_open(opening);
    case TOKENIZER_MARIAN_NATIVE:
        return marian_native_open(opening);
    case TOKENIZER_CT2:
        return ct2_open(opening);
    }
    return error_set(opening->err, ERROR_INTERNAL, "unknown family of tokenizers");
}

bool tokenizer_open(struct tokenizer **out, const char *directory,
                    const struct tokenizer_options *options, struct error *err)
{
    struct tokenizer *tokenizer = memory_new(1, sizeof *tokenizer, err);
    if (tokenizer == NULL)
        return false;
    struct opening opening = {
        .tokenizer = tokenizer, .directory = directory, .options = options, .err = err};
    tokenizer->family = options->family;
    tokenizer->rows[TOKENIZER_SOURCE] = options->source_rows;
    tokenizer->rows[TOKENIZER_TARGET] = options->target_rows;
    tokenizer->vocabularies[0].begin = tokenizer->vocabularies[1].begin = TOKENIZER_NO_ID;
    bool ok = load_config(&opening, &opening.config, "tokenizer_config.json") &&
              load_config(&opening, &opening.specials, "special_tokens_map.json");
    if (ok) {
        /* The reference's default until 2024-08, and what its results were made with. */
        tokenizer->cleans_up = opening_flag(&opening, "clean_up_tokenization_spaces", true);
        ok = open_family(&opening) && open_libraries(&opening);
    }
    cJSON_Delete(opening.config);
    cJSON_Delete(opening.specials);
    cJSON_Delete(opening.added);
    for (size_t i = 0; i < 2; i++) {
        memory_free(tokenizer->splitters[i].bytes);
        tokenizer->splitters[i].bytes = NULL;
    }
    if (ok)
        *out = tokenizer;
    else
        tokenizer_close(tokenizer);
    return ok;
}

void tokenizer_close(struct tokenizer *tokenizer)
{
    if (tokenizer == NULL)
        return;
    for (size_t i = 0; i < 2; i++) {
        pieces_free(&tokenizer->vocabularies[i].pieces);
        sentencepiece_close(tokenizer->splitters[i].library);
        spm_free(&tokenizer->splitters[i].spm);
    }
    arena_free(&tokenizer->arena);
    memory_free(tokenizer);
}

/* ---- questions ---------------------------------------------------------------------------------
 */

size_t tokenizer_n_languages(const struct tokenizer *tokenizer)
{
    return tokenizer->n_languages;
}

bool tokenizer_lists_sources(const struct tokenizer *tokenizer)
{
    return tokenizer->tag_place != TAG_TARGET;
}

const char *tokenizer_language(const struct tokenizer *tokenizer, size_t index)
{
    return index < tokenizer->n_languages ? tokenizer->languages[index].code : NULL;
}

uint32_t tokenizer_count(const struct tokenizer *tokenizer, enum tokenizer_side side)
{
    return tokenizer->side[side]->pieces.count;
}

const char *tokenizer_piece(const struct tokenizer *tokenizer, enum tokenizer_side side,
                            uint32_t id)
{
    return pieces_text(&tokenizer->side[side]->pieces, id, NULL);
}

uint32_t tokenizer_find(const struct tokenizer *tokenizer, enum tokenizer_side side,
                        const char *piece, size_t n_bytes)
{
    return pieces_find(&tokenizer->side[side]->pieces, piece, n_bytes);
}

bool tokenizer_is_special(const struct tokenizer *tokenizer, enum tokenizer_side side, uint32_t id)
{
    enum piece_kind kind = pieces_kind(&tokenizer->side[side]->pieces, id);
    return kind == PIECE_CONTROL || kind == PIECE_UNKNOWN;
}

bool tokenizer_begins_word(const struct tokenizer *tokenizer, enum tokenizer_side side, uint32_t id)
{
    return strncmp(tokenizer_piece(tokenizer, side, id), "\xe2\x96\x81", 3) == 0; /* U+2581 */
}

uint32_t tokenizer_unknown(const struct tokenizer *tokenizer, enum tokenizer_side side)
{
    return tokenizer->side[side]->unknown;
}

uint32_t tokenizer_end(const struct tokenizer *tokenizer, enum tokenizer_side side)
{
    return tokenizer->side[side]->end;
}

uint32_t tokenizer_pad(const struct tokenizer *tokenizer, enum tokenizer_side side)
{
    return tokenizer->side[side]->pad;
}
