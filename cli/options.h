/* options.h - one table of all options. Parsing, range checks, --help, the man pages, completions,
 * the configuration file and environment variables are all read off it.
 *
 *     struct options options;
 *     if (!options_read(&options, COMMAND_TRANSLATE, argc, argv, &err)) ...
 *     options.threads ... options.operands[0] ...
 *     options_free(&options);
 *
 * Precedence: command line, then environment (DRAGOMAN_NAME), then configuration file
 * ($XDG_CONFIG_HOME/dragoman/config, "name = value" lines), then the model, then the default.
 *
 * To add an option: a field here, a row in options_table.c. */
#ifndef DRAGOMAN_CLI_OPTIONS_H
#define DRAGOMAN_CLI_OPTIONS_H

#include "base/memory.h"

/* Which commands an option belongs to: a set. */
enum command {
    COMMAND_TRANSLATE = 1,
    COMMAND_SCORE = 2,
    COMMAND_INFO = 4,
    COMMAND_CONVERT = 8,
    COMMAND_BENCH = 16,
    COMMAND_TOKENIZE = 32,
    COMMAND_DETOKENIZE = 64,
    COMMAND_GET = 128,
    COMMAND_MODELS = 256,
    COMMAND_REMOVE = 512,
    COMMAND_SERVE = 1024,
    COMMAND_ALL = 2047
};

enum option_type {
    OPTION_FLAG,   /* bool: yes, no; yes if the name stands alone */
    OPTION_NUMBER, /* uint64_t: decimal digits, in [minimum, maximum] */
    OPTION_REAL,   /* double: finite, in [minimum, maximum] */
    OPTION_SIZE,   /* uint64_t bytes: digits and K, M, G (1024), in [minimum, maximum] */
    OPTION_CHOICE, /* int: index of a word in `choices` */
    OPTION_TEXT,   /* const char * */
    OPTION_TEXTS   /* struct texts: may be given several times */
};

enum option_origin {
    OPTION_DEFAULT,
    OPTION_CHOSEN, /* a model, by its languages (choose.h) */
    OPTION_FROM_MODEL,
    OPTION_FROM_FILE,
    OPTION_FROM_ENVIRONMENT,
    OPTION_FROM_COMMAND_LINE
};

enum option_group {
    GROUP_MODEL,
    GROUP_TEXT,
    GROUP_SEARCH,
    GROUP_OUTPUT,
    GROUP_SPEED,
    GROUP_MESSAGES,
    GROUP_HTTP,
    GROUP_OTHER,
    GROUP_COUNT
};

struct texts {
    const char **items; /* [count] */
    size_t count;
};

struct option {
    const char *name; /* without "--" */
    char letter;      /* 0: none */
    enum option_type type;
    const char *argument;       /* how --help names the value: "N", "FILE" */
    double minimum, maximum;    /* NUMBER, REAL, SIZE */
    const char *const *choices; /* CHOICE: words, NULL at the end */
    const char *implied;        /* value if the name stands alone; NULL: a value must follow */
    const char *initial;        /* default value as text; NULL: none, or the model's */
    const char *when_unset;     /* what --help says of the default if `initial` is NULL */
    size_t field;               /* offsetof(struct options, ...) */
    unsigned commands;          /* set of enum command */
    enum option_group group;
    bool is_basic;   /* shown by the short --help */
    bool is_setting; /* may stand in the configuration file and the environment */
    const char *help;
};

#define OPTION_MAX_COUNT 96

enum help_kind { HELP_NONE, HELP_SHORT, HELP_ALL };
enum stats_kind { STATS_NONE, STATS_TEXT, STATS_JSON };
enum split_kind { SPLIT_LINE, SPLIT_NONE, SPLIT_PARAGRAPH };
enum format_kind { FORMAT_BY_NAME, FORMAT_TEXT, FORMAT_TSV, FORMAT_JSONL };

/* The values. Numbers that the model decides stay 0 until they are given; option_is_given() tells a
 * given 0 from that. */
struct options {
    struct texts model; /* several: each translates what the one before gave */
    int precision;      /* index into "auto", "int8", "f32" */
    int model_format;   /* index into "auto", "hf", ...: vocabulary_format() */
    const char *cpu;
    int sandbox; /* enum sandbox_mode */
    const char *sha256;
    const char *from, *to;
    struct texts via; /* between the models of a chain */

    int format; /* enum format_kind */
    uint64_t column;
    const char *field;
    bool nul;
    bool pieces;
    int split; /* enum split_kind */
    uint64_t max_line;
    bool strict;
    bool keep;
    struct texts protect;
    const char *terms, *forbid;
    const char *prefix;
    uint64_t prefix_column;

    uint64_t beam, n_best;
    uint64_t max_length, min_length;
    double max_length_ratio;
    double length_penalty, word_penalty;
    int stop;   /* "model", "finished", "heuristic", "exhaustive" */
    int compat; /* "model", "hf", "ct2", "marian", "fairseq" */
    uint64_t no_repeat_ngram;
    double repetition_penalty;
    bool loop_guard;
    bool sample;
    uint64_t top_k;
    double top_p, temperature;
    uint64_t seed;
    const char *shortlist;

    const char *output;
    bool force;
    bool resume;
    bool score, token_scores, align;
    bool json;
    bool check;
    bool languages;
    bool ids;
    bool int8, f16, f32; /* convert: to which type */
    const char *trim, *calibrate;
    uint64_t preview_rank;
    uint64_t runs; /* bench */
    bool profile;  /* bench: add up where the time goes */

    uint64_t threads, batch, max_memory;
    const char *cache;

    const char *socket; /* serve; and translate as a server's client */
    const char *http;   /* serve */
    const char *api_key_file;
    struct texts allow_origin;
    uint64_t max_request; /* bytes */
    uint64_t max_characters, max_texts, max_rate, max_queue, max_connections;
    uint64_t timeout; /* seconds */

    bool quiet;
    bool progress;
    int stats; /* enum stats_kind */
    bool print_config;
    int help; /* enum help_kind */
    bool version, limits;

    const char **operands; /* [n_operands] */
    size_t n_operands;

    enum command command;
    enum option_origin origins[OPTION_MAX_COUNT]; /* by row of the table */
    struct arena arena;                           /* texts, lists */
};

/* The table: [*count] rows. */
const struct option *options_table(size_t *count);

/* The row of an option by its name, or NULL. */
const struct option *option_find(const char *name);

/* Fills `options` from all sources. Faults are ERROR_USAGE, "--threads: must be a number from 1 to
 * 1024, not '4x'", "CONFIG:3: ...", "DRAGOMAN_THREADS: ...". options_free() in any case. */
bool options_read(struct options *options, enum command command, int argc, char *const *argv,
                  struct error *err);
void options_free(struct options *options);

/* True if anything but the default or the model has set the option called `name`. */
bool option_is_given(const struct options *options, const char *name);

/* Notes that the value of the option called `name` is neither given nor the default. */
void option_note_chosen(struct options *options, const char *name);

/* Sets one value from text, as `source` says it came; `label` names it in the fault. */
bool option_set(struct options *options, const struct option *row, const char *value,
                enum option_origin source, const char *label, struct error *err);

/* "--no-NAME": whether there is such a thing, for what stands alone (then it means "no") and for
 * texts that nothing sets by default (then it means none). */
bool option_can_be_off(const struct option *row);
bool option_switch_off(struct options *options, const struct option *row, struct error *err);

/* The value as text that option_set() would take back; empty for a text that is not set. */
bool option_format(const struct options *options, const struct option *row, struct buffer *out,
                   struct error *err);

/* Whether `word` is not `name` but so close to it that it is probably meant. */
bool is_typo(const char *word, const char *name);

/* Name of the environment variable: "DRAGOMAN_MAX_LENGTH". */
void option_environment_name(const struct option *row, char out[64]);

/* Path of the configuration file in `out`; false if there is no home directory. */
bool options_file_path(struct buffer *out, struct error *err);

#endif
