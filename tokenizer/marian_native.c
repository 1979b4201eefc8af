/* Marian's and Bergamot's own models: a vocabulary is a .spm, whose ids are SentencePiece's, or a
 * .yml of pieces, with source.spm and target.spm beside it if text is to be tokenized. */
#include "base/file.h"
#include "tokenizer/vocab_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct names {
    char side[2][256]; /* file names of the vocabularies, "" if unknown */
};

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static bool is_spm(const char *name)
{
    return ends_with(name, ".spm") || ends_with(name, ".model");
}

/* ---- which files -------------------------------------------------------------------------------
 */

/* decoder.yml: the lines "- NAME" after "vocabs:". Names with a path are another machine's. */
static bool names_from_decoder(const struct opening *opening, struct names *names)
{
    static const char file[] = "decoder.yml";
    size_t n_bytes, found = 0;
    bool inside = false;
    if (!file_exists(opening->directory, file))
        return true;
    char *text = file_load(opening->directory, file, (size_t)1 << 20, &n_bytes, opening->err);
    if (text == NULL)
        return false;
    char *rest = text;
    for (char *line; found < 2 && (line = strsep(&rest, "\n")) != NULL;) {
        char *item = line + strspn(line, " \t");
        item[strcspn(item, "\r#")] = '\0';
        if (inside && item[0] == '-') {
            item += 1 + strspn(item + 1, " \t");
            item[strcspn(item, " \t")] = '\0';
            if (file_name_is_plain(item, strlen(item)))
                snprintf(names->side[found], sizeof names->side[0], "%s", item);
            found++;
        } else {
            inside = strcmp(item, "vocabs:") == 0;
        }
    }
    memory_free(text);
    return true;
}

enum role { ROLE_NONE, ROLE_BOTH, ROLE_SOURCE, ROLE_TARGET };

/* What a file is by its name: "vocab.ende.spm", "srcvocab.enja.spm", "opus.vocab.yml". */
static enum role role_of(const char *name)
{
    if (!ends_with(name, ".spm") && !ends_with(name, ".yml") && !ends_with(name, ".yaml"))
        return ROLE_NONE;
    if (strncmp(name, "srcvocab", 8) == 0 || strstr(name, ".src.vocab") != NULL)
        return ROLE_SOURCE;
    if (strncmp(name, "trgvocab", 8) == 0 || strstr(name, ".trg.vocab") != NULL)
        return ROLE_TARGET;
    return strstr(name, "vocab") != NULL ? ROLE_BOTH : ROLE_NONE;
}

static bool note_name(const struct opening *opening, char noted[256], const char *name)
{
    if (noted[0] != '\0')
        return error_set(opening->err, ERROR_MODEL,
                         "more than one vocabulary file: '%.64s' and '%.64s'", noted, name);
    snprintf(noted, 256, "%s", name);
    return true;
}

static bool names_from_directory(const struct opening *opening, struct names *names)
{
    DIR *directory = opendir(opening->directory);
    char both[256] = "";
    bool ok = true;
    if (directory == NULL)
        return error_set_errno(opening->err, ERROR_MODEL, errno, "%s", opening->directory);
    for (const struct dirent *entry; ok && (entry = readdir(directory)) != NULL;) {
        enum role role = role_of(entry->d_name);
        if (role == ROLE_BOTH)
            ok = note_name(opening, both, entry->d_name);
        else if (role == ROLE_SOURCE || role == ROLE_TARGET)
            ok = note_name(opening, names->side[role == ROLE_TARGET], entry->d_name);
    }
    closedir(directory);
    for (size_t side = 0; side < 2; side++)
        if (names->side[side][0] == '\0')
            snprintf(names->side[side], sizeof names->side[side], "%s", both);
    return ok;
}

static bool find_names(const struct opening *opening, struct names *names)
{
    const struct tokenizer_options *options = opening->options;
    if (options->source_vocabulary != NULL && options->target_vocabulary != NULL) {
        snprintf(names->side[0], sizeof names->side[0], "%s", options->source_vocabulary);
        snprintf(names->side[1], sizeof names->side[1], "%s", options->target_vocabulary);
    } else if (!names_from_decoder(opening, names)) {
        return false;
    }
    bool found = true;
    for (size_t side = 0; side < 2; side++)
        found = found && names->side[side][0] != '\0' &&
                file_exists(opening->directory, names->side[side]);
    if (found)
        return true;
    *names = (struct names){0};
    if (!names_from_directory(opening, names))
        return false;
    return (names->side[0][0] != '\0' && names->side[1][0] != '\0') ||
           error_set(opening->err, ERROR_MODEL, "%s: no vocabulary (vocab*.spm or vocab*.yml)",
                     opening->directory);
}

/* ---- reading them ------------------------------------------------------------------------------
 */

/* Old vocabularies of Nematus call </s> "eos" and <unk> "UNK", or leave both out. */
static uint32_t special_id(const struct pieces *pieces, const char *name, const char *old,
                           uint32_t usual)
{
    uint32_t id = pieces_find(pieces, name, strlen(name));
    if (id != PIECES_NONE)
        return id;
    const char *there = pieces_text(pieces, usual, NULL);
    return there[0] == '\0' || strcmp(there, old) == 0 ? usual : TOKENIZER_NO_ID;
}

static bool read_text_vocabulary(struct opening *opening, size_t index, const char *file,
                                 uint32_t rows)
{
    struct vocabulary *vocabulary = &opening->tokenizer->vocabularies[index];
    struct pieces *pieces = &vocabulary->pieces;
    bool yml = ends_with(file, ".yml") || ends_with(file, ".yaml");
    bool json = ends_with(file, ".json");
    if (!(yml    ? vocab_read_yml(opening, index, file, rows)
          : json ? opening_read_vocab_json(opening, index, file)
                 : vocab_read_lines(opening, index, file, rows)) ||
        !opening_finish(opening, index, file, rows, true))
        return false;
    vocabulary->end = special_id(pieces, "</s>", "eos", 0);
    vocabulary->unknown = special_id(pieces, "<unk>", "UNK", 1);
    vocabulary->pad = TOKENIZER_NO_ID;
    if (vocabulary->end == TOKENIZER_NO_ID || vocabulary->unknown == TOKENIZER_NO_ID)
        return error_set(opening->err, ERROR_MODEL, "%s: no </s> or no <unk>", file);
    if (vocabulary->end < pieces->count)
        pieces->items[vocabulary->end].kind = PIECE_CONTROL;
    if (vocabulary->unknown < pieces->count)
        pieces->items[vocabulary->unknown].kind = PIECE_UNKNOWN;
    return true;
}

static bool read_spm_vocabulary(struct opening *opening, size_t index, const char *file,
                                uint32_t rows)
{
    struct vocabulary *vocabulary = &opening->tokenizer->vocabularies[index];
    const struct spm *spm = &opening->tokenizer->splitters[index].spm;
    if (!opening_read_spm(opening, index, file))
        return false;
    for (uint32_t id = 0; id < spm->pieces.count; id++) {
        size_t n_bytes;
        const char *text = pieces_text(&spm->pieces, id, &n_bytes);
        if (!opening_put(opening, index, file, id, text, n_bytes, pieces_kind(&spm->pieces, id)))
            return false;
    }
    vocabulary->unknown = spm->unknown;
    vocabulary->end = spm->end;
    vocabulary->pad = spm->pad;
    if (vocabulary->end == PIECES_NONE)
        return error_set(opening->err, ERROR_MODEL, "%s: no </s>", file);
    return opening_finish(opening, index, file, rows, true);
}

static bool read_side(struct opening *opening, size_t index, const char *file, uint32_t rows)
{
    return is_spm(file) ? read_spm_vocabulary(opening, index, file, rows)
                        : read_text_vocabulary(opening, index, file, rows);
}

/* SentencePiece models that only take text apart, beside vocabularies of pieces. */
static bool read_splitters(struct opening *opening)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    if (opening->options->pieces_only || !file_exists(opening->directory, "source.spm") ||
        !file_exists(opening->directory, "target.spm"))
        return true; /* pieces are all it can do */
    if (!opening_read_spm_pair(opening, "source.spm", "target.spm") || !opening_link_both(opening))
        return false;
    opening_copy_kinds(opening, tokenizer->side[TOKENIZER_TARGET] == &tokenizer->vocabularies[1],
                       &tokenizer->splitter[TOKENIZER_TARGET]->spm);
    return true;
}

bool marian_native_open(struct opening *opening)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    const struct tokenizer_options *options = opening->options;
    struct names names = {0};
    tokenizer->cleans_up = false;
    tokenizer->finds_unknown = true;
    tokenizer->tag_place = TAG_TARGET;
    if (!find_names(opening, &names))
        return false;
    bool same = strcmp(names.side[0], names.side[1]) == 0;
    if (!read_side(opening, 0, names.side[0], options->source_rows) ||
        (!same && !read_side(opening, 1, names.side[1], options->target_rows)))
        return false;
    for (size_t side = 0; side < 2; side++) {
        size_t index = same ? 0 : side;
        tokenizer->side[side] = &tokenizer->vocabularies[index];
        if (is_spm(names.side[side]) && !options->pieces_only) {
            tokenizer->splitter[side] = &tokenizer->splitters[index];
            if (!opening_link_by_text(opening, (enum tokenizer_side)side))
                return false;
        }
    }
    if (!is_spm(names.side[0]) && !is_spm(names.side[1]) && !read_splitters(opening))
        return false;
    return opening_find_marian_languages(opening);
}
