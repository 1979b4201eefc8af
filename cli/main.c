/* main.c - options, then the command, then its exit status. */
#include "cli/choose.h"
#include "cli/commands.h"
#include "cli/descriptors.h"
#include "cli/exit.h"
#include "cli/help.h"
#include "cli/message.h"
#include "cli/no_memory.h"
#include "cli/signals.h"

#include <string.h>
#include <sys/stat.h>

static const struct command_row commands[] = {
    {"translate", COMMAND_TRANSLATE, "[OPTION]... [FILE]...", "Translate text, line for line.",
     "Text comes from standard input or from files (- is standard input); every line of it becomes "
     "one line of output, in order. This is the default: the name of "
     "the command may be left out.\n\n"
     "Lines end with a newline; a last line without one counts, and its translation gets one. A "
     "line that ends in CR LF gets a translation that ends so. A byte order mark at the beginning "
     "stays there. Blank lines stay blank. A line of several sentences is translated sentence by "
     "sentence, and what stands between them is kept.\n\n"
     "Several files are translated one after the other to the same output, or with an output "
     "directory (--output DIR/) each to a file of its own.\n\n"
     "The output does not depend on the number of threads, the batch size, the neighbouring lines, "
     "or the instruction set.",
     cmd_translate},
    {"score", COMMAND_SCORE, "[OPTION]... [PAIRS | SOURCE TARGET]",
     "Tell how probable given translations are.",
     "Input is lines of source TAB translation, or two files, line for line. For each pair a line "
     "is printed: S TAB T TAB SCORE, where S is the sum of the natural logarithms of the "
     "probabilities of the T target tokens (</s> included) and SCORE is S / T^a. A summary on "
     "standard error has the cross-entropy and the perplexity.",
     cmd_score},
    {"info", COMMAND_INFO, "[OPTION]... [MODEL]", "Tell what a model is, or check it.",
     "Without MODEL, the model that -m or the settings name, or the default one. With --check "
     "every "
     "file is read and every fault is printed; exit status 2 says that there are some.",
     cmd_info},
    {"convert", COMMAND_CONVERT, "[OPTION]... IN OUT", "Write a model in another form.",
     "IN is a model directory, a single Marian file, or the name of an installed model; OUT is a "
     "new "
     "directory in Hugging Face's layout. As f16 or f32 a model of a Hugging Face family is still "
     "read by their tools. --from, --to and --pieces say what "
     "the text of --calibrate is.",
     cmd_convert},
    {"bench", COMMAND_BENCH, "[OPTION]... [FILE]", "Measure speed and memory.",
     "Translates the lines of FILE (or a small sample) with 1 thread and all, greedily and with a "
     "beam of 4 (or as --threads and --beam say), and prints throughput, the latency of single "
     "lines, the time from opening the model to the first line, and the peak of memory. It "
     "measures "
     "and judges nothing.",
     cmd_bench},
    {"tokenize", COMMAND_TOKENIZE, "[OPTION]... [FILE]...",
     "Cut text into pieces of the source vocabulary.",
     "Line for line, with spaces between the pieces, as --pieces takes them. Language tags and "
     "</s> are left out, but for --ids.",
     cmd_tokenize},
    {"detokenize", COMMAND_DETOKENIZE, "[OPTION]... [FILE]...",
     "Put pieces of the target vocabulary together.",
     "Line for line: what --pieces prints, as text.", cmd_detokenize},
    {"get", COMMAND_GET, "[OPTION]... NAME...", "Fetch models from the hub.",
     "NAME is OWNER/NAME as on the hub, with @REVISION if another revision than main is wanted. An "
     "interrupted download goes on where it stopped. HF_ENDPOINT names another hub, HF_TOKEN gives "
     "access, and the usual proxy variables are honoured. Afterwards -m NAME finds the model.",
     cmd_get},
    {"models", COMMAND_MODELS, "[OPTION]...", "List the models that are installed.",
     "For each: its name, its size in bytes, its family and its languages, between tabs.",
     cmd_models},
    {"remove", COMMAND_REMOVE, "[OPTION]... NAME...", "Remove installed models.", NULL, cmd_remove},
    {"serve", COMMAND_SERVE, "[OPTION]...", "Keep a model ready for other runs.",
     "With --socket PATH, clients are the program itself: with DRAGOMAN_SOCKET=PATH in the "
     "environment (or --socket PATH) it reads and writes as ever, but this server translates, "
     "without the time it takes to open a model. An option of a client that the server would have "
     "to be started with, and was not, is refused. The socket is the user's alone (mode 0600).\n\n"
     "With --http ADDRESS:PORT, clients are those of LibreTranslate: POST /translate (q, a text or "
     "an array of texts; source; target; alternatives; api_key) as JSON or as a form, GET "
     "/languages, GET /health, GET /frontend/settings. Lines in a text are kept as the command "
     "keeps them, and are translated the same. format is text; html is refused. source may be "
     "auto for a model with one source language, or with --from; nothing is detected, so the "
     "confidence is 0. There are never more alternatives than the beam (--beam) holds beside the "
     "best. An answer has a list of warnings if there is something to tell.\n\n"
     "It can be reached from this machine alone unless another address is named, and nothing is "
     "encrypted. Requests that come from web pages (with an Origin) are refused, for any page that "
     "its user visits could make them; --allow-origin names those that may.\n\n"
     "Errors are {\"error\": ...} with status 400 (what is wrong with the request), 403 (API key, "
     "web page), 404, 405, 413 (--max-request), 429 (--max-rate), 503 (--max-queue, "
     "--max-connections, or the end), 500; 429 and 503 say in Retry-After when to come again.\n\n"
     "SIGTERM, SIGINT or SIGHUP ends it: no new lines and requests are taken, those under way are "
     "finished (for up to 5 seconds), the socket is removed, and the process dies of the signal. A "
     "second signal ends it at once.",
     cmd_serve},
};

const struct command_row *commands_table(size_t *count)
{
    *count = sizeof commands / sizeof commands[0];
    return commands;
}

static const struct command_row *find_command(const char *name)
{
    size_t count;
    const struct command_row *rows = commands_table(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* The command that a word which is no file may be meant for, or NULL. */
static const char *near_command(const char *word)
{
    size_t count;
    const struct command_row *rows = commands_table(&count);
    struct stat status;
    if (word[0] == '-' || strchr(word, '/') != NULL || stat(word, &status) == 0)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (is_typo(word, rows[i].name))
            return rows[i].name;
    return NULL;
}

static int run_help(const struct command_row *command, bool all)
{
    struct error err = {0};
    struct buffer text = {0};
    bool ok = help_write(command, all, &text, &err) && print_text(text.bytes, text.n_bytes, &err);
    buffer_free(&text);
    return ok ? EXIT_DONE : (int)message_fail(&err, true);
}

int main(int argc, char **argv)
{
    struct error err = {0};
    if (!descriptors_guard())
        return EXIT_REFUSED;
    if (argc < 1 || argv[0] == NULL || argv[0][0] == '\0') {
        error_set(&err, ERROR_USAGE, "started without the name of the program");
        return (int)message_fail(&err, false);
    }
    signals_prepare();
    no_memory_prepare();
    if (argc > 1 && strncmp(argv[1], "__", 2) == 0)
        return cmd_generate(argc - 1, argv + 1);
    const struct command_row *command = argc > 1 ? find_command(argv[1]) : NULL;
    struct stat file;
    if (argc > 1 && strcmp(argv[1], "help") == 0 && stat(argv[1], &file) != 0) {
        command = argc > 2 ? find_command(argv[2]) : &commands[0];
        return run_help(command != NULL ? command : &commands[0], false);
    }
    const char *meant = argc > 1 && command == NULL ? near_command(argv[1]) : NULL;
    if (meant != NULL) {
        error_set(&err, ERROR_USAGE, "%.60s: no such command or file (did you mean %s?)", argv[1],
                  meant);
        return (int)message_fail(&err, false);
    }
    int first = command != NULL ? 2 : 1;
    if (command == NULL)
        command = &commands[0];
    struct options options;
    int status;
    if (!options_read(&options, command->command, argc - first, argv + first, &err)) {
        status = (int)message_fail(&err, false);
    } else {
        message_quiet(options.quiet);
        if (options.help != HELP_NONE)
            status = run_help(command, options.help == HELP_ALL);
        else if (options.version)
            status = print_version();
        else if (options.limits)
            status = print_limits();
        else if (!choose_models(&options, &err))
            status = (int)message_fail(&err, false);
        else
            status = command->run(&options);
    }
    options_free(&options);
    return status;
}
