/* dragoman.h - machine translation in a few calls: the library's public face.
 *
 *     struct dragoman_options options;
 *     struct dragoman_error err;
 *     struct dragoman *dragoman;
 *     dragoman_options_init(&options);
 *     const char *path = "/usr/share/dragoman/en-de";
 *     if (!dragoman_open(&dragoman, &path, 1, &options, &err)) ... err.text
 *     char *german = dragoman_translate(dragoman, "A dog runs on the beach.", &err);
 *     free(german);
 *     dragoman_close(dragoman);
 *
 * Many lines, as fast as the machine can, in order: one thread puts, another takes.
 *
 *     struct dragoman_stream *stream;
 *     dragoman_stream_open(dragoman, NULL, &stream, &err);
 *     dragoman_put(stream, &(struct dragoman_line){.text = text, .n_bytes = n}, &err);
 *     dragoman_finish(stream);                                       no more lines
 *     while (dragoman_take(stream, true, &result, &err) && result != NULL) {
 *         ... result->hypotheses[0].text ...
 *         dragoman_result_free(result);
 *     }
 *     dragoman_stream_close(stream);
 *
 * A line's result depends on the line, the model and the options alone: not on threads, batches,
 * neighbours or the CPU. Functions that return bool return false on failure and then fill `err`
 * (which may be NULL). Nothing here prints, exits or handles signals. */
#ifndef DRAGOMAN_H
#define DRAGOMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dragoman_status {
    DRAGOMAN_OK = 0,
    DRAGOMAN_USAGE, /* an option or argument makes no sense */
    DRAGOMAN_MODEL, /* a model file is missing, malformed or unsupported */
    DRAGOMAN_LIMIT, /* a stated limit is exceeded */
    DRAGOMAN_INPUT, /* a text cannot be translated as asked */
    DRAGOMAN_OUTPUT,
    DRAGOMAN_MEMORY,
    DRAGOMAN_SYSTEM,
    DRAGOMAN_INTERRUPTED, /* dragoman_cancel() */
    DRAGOMAN_INTERNAL
};

struct dragoman_error {
    enum dragoman_status status;
    char text[512]; /* one line, printable, no newline */
};

enum dragoman_precision { DRAGOMAN_PRECISION_AUTO, DRAGOMAN_INT8, DRAGOMAN_F32 };
enum dragoman_format { /* of the model's files */
                       DRAGOMAN_FORMAT_AUTO,
                       DRAGOMAN_FORMAT_HF, /* Hugging Face: safetensors or PyTorch */
                       DRAGOMAN_FORMAT_SAFETENSORS,
                       DRAGOMAN_FORMAT_TORCH,
                       DRAGOMAN_FORMAT_MARIAN,
                       DRAGOMAN_FORMAT_CT2
};
enum dragoman_split { DRAGOMAN_SPLIT_LINE, DRAGOMAN_SPLIT_NONE };
enum dragoman_stop {
    DRAGOMAN_STOP_MODEL,     /* as the model's configuration says */
    DRAGOMAN_STOP_FINISHED,  /* as many finished hypotheses as beams */
    DRAGOMAN_STOP_HEURISTIC, /* no better one expected */
    DRAGOMAN_STOP_EXHAUSTIVE /* no better one possible */
};
enum dragoman_compat {
    DRAGOMAN_COMPAT_MODEL, /* of the system the model was made for */
    DRAGOMAN_HF,
    DRAGOMAN_CT2,
    DRAGOMAN_COMPAT_MARIAN,
    DRAGOMAN_FAIRSEQ
};

/* "The model decides": for the numbers and reals below that say so. */
#define DRAGOMAN_UNSET UINT32_MAX
#define DRAGOMAN_UNSET_REAL (-1e30)

/* Start from dragoman_options_init(). Texts are copied by dragoman_open(). */
struct dragoman_options {
    /* The model. */
    enum dragoman_precision precision;
    enum dragoman_format format; /* which of several models in one directory is meant */
    const char *cpu;     /* "scalar", "avx2", ...; NULL: environment DRAGOMAN_CPU, else the best */
    uint64_t max_memory; /* bytes the weights may take; 0: no limit */

    /* The text. */
    const char *from, *to; /* languages; NULL: what the model says */
    bool streams_say;      /* each stream says its languages: the model may be in want of one here */
    const char *const
        *via;     /* [n_via] languages between the models of a chain, one less than these */
    size_t n_via; /* 0: the models' business */
    enum dragoman_split split;
    bool pieces;  /* texts are pieces with spaces between, in and out */
    bool strict;  /* text that is not UTF-8 is DRAGOMAN_INPUT instead of being mended */
    bool protect; /* URLs, placeholders, tags, ... come out as they are */
    const char *const *protect_patterns; /* and what these match (PCRE2) */
    size_t n_protect_patterns;
    const char *terms_path; /* source TAB target: terms that must be used; or NULL */
    /* Words and phrases that must not occur, one a line, whole words, letters as written; or NULL.
     */
    const char *forbid_path;

    /* The search; unset: the model decides. Lengths count target tokens, </s> included. */
    uint32_t beam, n_best; /* n_best unset: 1 */
    uint32_t max_length, min_length;
    double max_length_ratio; /* limit = this * source tokens; unset: 0, no such limit */
    double length_penalty;
    double word_penalty; /* with compat Marian */
    enum dragoman_stop stop;
    enum dragoman_compat compat;
    uint32_t no_repeat_ngram;
    double repetition_penalty;
    bool loop_guard; /* a translation that runs on or repeats itself is tried again without */
    bool sample;     /* draw at random instead of searching */
    uint32_t top_k;  /* 0: all */
    double top_p, temperature; /* 1: as they are */
    uint64_t seed;
    const char *shortlist_path; /* lexical shortlist (lex.*.s2t.bin); or NULL */

    /* What results hold besides text, score, sum and length. */
    bool tokens; /* pieces and their log-probabilities */
    bool align;  /* alignment of pieces, from cross attention */
    bool scores; /* greedy search too (a beam has them anyway) */

    /* Speed; the results are the same. */
    uint32_t threads;       /* 0: as many as there are CPUs */
    uint32_t max_rows;      /* hypotheses a thread advances at once; 0: a good number */
    const char *cache_path; /* SQLite file of sentences translated before; or NULL */
    bool profile;           /* add up where the time goes, for statistics.stages */
};

void dragoman_options_init(struct dragoman_options *options);

struct dragoman; /* one or more models and the threads that run them */

/* Opens the model directory paths[0]. With several paths, each model translates what the one before
 * gave (pivoting). */
bool dragoman_open(struct dragoman **dragoman, const char *const *paths, size_t n_paths,
                   const struct dragoman_options *options, struct dragoman_error *err);

/* Streams must have been closed. NULL is allowed. */
void dragoman_close(struct dragoman *dragoman);

/* Translates one NUL-terminated text and waits for it; newlines separate lines and are kept. The
 * result is the caller's to free(). Any number of threads may call it. NULL on failure. */
char *dragoman_translate(struct dragoman *dragoman, const char *text, struct dragoman_error *err);

/* ---- lines --------------------------------------------------------------------------------- */

struct dragoman_line {
    const char *text; /* no newline */
    size_t n_bytes;
    const char *prefix; /* the translation is to begin with this; or NULL */
    size_t n_prefix_bytes;
    const char *target; /* score this translation instead of making one; or NULL */
    size_t n_target_bytes;
    uint64_t number; /* of the line, for sampling and for `result`; 0: count from 1 */
    uint32_t n_best; /* hypotheses wanted, as far as the beam has them; 0: options.n_best */
};

struct dragoman_link {
    uint32_t source, target; /* indices into pieces, from 0 */
};

struct dragoman_hypothesis {
    const char *text; /* [n_bytes], NUL-terminated, well-formed UTF-8 without control characters */
    size_t n_bytes;
    double score;    /* sum / length^penalty, or as options.compat says */
    double sum;      /* S: natural logarithm of the probability */
    uint32_t length; /* T: tokens, </s> included */
    /* options.tokens: [length], "</s>" included. Pieces live as long as the `dragoman`. */
    const uint32_t *ids;
    const char *const *pieces;
    const float *log_probs;
    /* options.align. */
    uint32_t n_links;
    const struct dragoman_link *links;
};

/* What befell a line. */
enum dragoman_flag {
    DRAGOMAN_FLAG_SPLIT = 1,    /* translated as several sentences */
    DRAGOMAN_FLAG_CUT = 2,      /* a sentence was too long and was cut at a mark, space or letter */
    DRAGOMAN_FLAG_LIMIT = 4,    /* a translation reached the length limit */
    DRAGOMAN_FLAG_LOOP = 8,     /* a translation runs on or repeats itself, tried again in vain */
    DRAGOMAN_FLAG_MENDED = 16,  /* the text was not UTF-8 */
    DRAGOMAN_FLAG_UNKNOWN = 32, /* characters that the model does not know */
    DRAGOMAN_FLAG_LOST = 64,    /* a protected part or a term is missing */
    DRAGOMAN_FLAG_FORBIDDEN = 128 /* a forbidden word is there: nothing else was found */
};

struct dragoman_result {
    uint64_t number; /* of the line */
    unsigned flags;  /* set of enum dragoman_flag */
    /* Best first; at least one. Of a line of several sentences, number r joins the r-th of each. */
    uint32_t n_hypotheses;
    const struct dragoman_hypothesis *hypotheses;
    /* options.tokens or options.align: the source's, "</s>" and language tags included. */
    uint32_t n_source_pieces;
    const char *const *source_pieces;
    /* What the user should know, one sentence each: "cut into 3 parts: ...". */
    uint32_t n_warnings;
    const char *const *warnings;
};

void dragoman_result_free(struct dragoman_result *result);

/* ---- streams ------------------------------------------------------------------------------- */

struct dragoman_stream;

struct dragoman_stream_options {
    const char *from, *to; /* languages; NULL: those of the options */
};

/* A sequence of lines whose results come in the same order. Streams of one `dragoman` share its
 * threads. `options` may be NULL. */
bool dragoman_stream_open(struct dragoman *dragoman, const struct dragoman_stream_options *options,
                          struct dragoman_stream **stream, struct dragoman_error *err);

/* Another line can always be put, without waiting, while fewer lines and bytes than these were put
 * and not taken. */
#define DRAGOMAN_MIN_LINES 128
#define DRAGOMAN_MIN_BYTES ((size_t)1 << 20)

/* Hands a line over (it is copied). Waits while many lines are under way and nobody takes: a thread
 * that both puts and takes must keep within DRAGOMAN_MIN_LINES and DRAGOMAN_MIN_BYTES. */
bool dragoman_put(struct dragoman_stream *stream, const struct dragoman_line *line,
                  struct dragoman_error *err);

/* No more lines will come. */
void dragoman_finish(struct dragoman_stream *stream);

/* The next result, the caller's to dragoman_result_free(). When it is not ready: waits for it if
 * `wait`, else *result is NULL. After the last one, *result is NULL. After a failure or
 * dragoman_cancel() all calls fail. */
bool dragoman_take(struct dragoman_stream *stream, bool wait, struct dragoman_result **result,
                   struct dragoman_error *err);

/* True after dragoman_finish() when every result has been taken. */
bool dragoman_at_end(struct dragoman_stream *stream);

/* Stops the stream's work within a tenth of a second; put and take return DRAGOMAN_INTERRUPTED. May
 * be called from any thread (not from a signal handler). */
void dragoman_cancel(struct dragoman_stream *stream);

void dragoman_stream_close(struct dragoman_stream *stream);

/* ---- what can be asked --------------------------------------------------------------------- */

/* Where the time of the threads went, with options.profile; what is missing of threads times
 * elapsed time is the search, the queues and waiting. */
enum dragoman_stage_name {
    DRAGOMAN_STAGE_ENCODER,   /* products of the encoder, cross-attention keys and values too */
    DRAGOMAN_STAGE_DECODER,   /* products of the decoder's layers */
    DRAGOMAN_STAGE_OUTPUT,    /* the output layer: product, normalizer, best tokens */
    DRAGOMAN_STAGE_ATTENTION, /* scores, softmax and sums of values */
    DRAGOMAN_STAGE_TEXT,      /* sentences, pieces, and back */
    DRAGOMAN_STAGES
};

struct dragoman_stage {
    uint64_t nanoseconds, multiply_adds, bytes; /* bytes: weights, or keys and values, read */
};

struct dragoman_statistics {
    uint64_t lines, sentences;
    uint64_t source_tokens, target_tokens;
    uint64_t cut, limit, loop, lost, mended; /* lines with the flag */
    uint64_t cached;                         /* sentences found in the cache */
    uint64_t model_bytes;
    uint32_t threads;
    double load_seconds, busy_seconds; /* busy: summed over threads */
    struct dragoman_stage stages[DRAGOMAN_STAGES];
};

void dragoman_get_statistics(struct dragoman *dragoman, struct dragoman_statistics *statistics);

/* What one core does at best: multiply-adds a second of the int8 product on weights that stay in the
 * first caches, and bytes a second read from a table as large as the model. Takes half a second. */
bool dragoman_measure_machine(const struct dragoman *dragoman, double *multiply_adds, double *bytes,
                              struct dragoman_error *err);

/* A value in force and where it came from: "num_beams", "4", "generation_config.json". */
struct dragoman_setting {
    char name[32], value[96], origin[32];
};

/* Setting `index`, false beyond the last one. */
bool dragoman_get_setting(const struct dragoman *dragoman, size_t index,
                          struct dragoman_setting *setting);

/* The code, as the model has it ("deu_Latn"), of a language that texts may be in, or with
 * `is_target` come out in; NULL beyond the last one. A model for one pair of languages has one of
 * each; of a model that does not say there are those of the options, if any. Lives as long as the
 * `dragoman`. */
const char *dragoman_language(const struct dragoman *dragoman, bool is_target, size_t index);

/* Warnings of opening and of the first stream (a thread that could not be started, ...), NULL
 * beyond the last one. */
const char *dragoman_warning(const struct dragoman *dragoman, size_t index);

#ifdef __cplusplus
}
#endif

#endif
