/* Man pages from the table of options. */
#include "cli/help.h"

#include <string.h>

/* Text with what roff would take for its own escaped: backslashes, hyphens that must stay hyphens,
 * and a leading '.' or "'". "\n\n" begins a paragraph. */
static bool escape(const char *text, struct buffer *out, struct error *err)
{
    bool at_line_start = true;
    for (const char *c = text; *c != '\0'; c++) {
        bool ok;
        if (c[0] == '\n' && c[1] == '\n') {
            ok = buffer_append_text(out, "\n.PP\n", err);
            c++;
            at_line_start = true;
            if (!ok)
                return false;
            continue;
        }
        if (*c == '\\')
            ok = buffer_append_text(out, "\\e", err);
        else if (*c == '-')
            ok = buffer_append_text(out, "\\-", err);
        else if (at_line_start && (*c == '.' || *c == '\''))
            ok = buffer_printf(out, err, "\\&%c", *c);
        else
            ok = buffer_append_byte(out, *c, err);
        if (!ok)
            return false;
        at_line_start = *c == '\n';
    }
    return true;
}

static bool put(struct buffer *out, struct error *err, const char *before, const char *text,
                const char *after)
{
    return buffer_append_text(out, before, err) && escape(text, out, err) &&
           buffer_append_text(out, after, err);
}

static bool write_option(const struct option *row, struct buffer *out, struct error *err)
{
    if (!buffer_append_text(out, ".TP\n", err))
        return false;
    if (row->letter != 0 && !buffer_printf(out, err, "\\fB\\-%c\\fR, ", row->letter))
        return false;
    bool is_on = row->type == OPTION_FLAG && strcmp(row->initial, "yes") == 0;
    if (!put(out, err, is_on ? "\\fB\\-\\-\\fR[\\fBno\\-\\fR]\\fB" : "\\fB\\-\\-", row->name,
             "\\fR"))
        return false;
    if (row->type != OPTION_FLAG && !put(out, err, row->implied != NULL ? "[=\\fI" : " \\fI",
                                         row->argument, row->implied != NULL ? "\\fR]" : "\\fR"))
        return false;
    if (!put(out, err, "\n", row->help, ""))
        return false;
    const char *value = row->initial != NULL ? row->initial : row->when_unset;
    if (value != NULL && strcmp(value, "no") != 0 && !put(out, err, " (default: ", value, ")"))
        return false;
    if (row->type == OPTION_CHOICE && row->argument[0] == 'K') {
        if (!buffer_append_text(out, ". One of", err))
            return false;
        for (size_t i = 0; row->choices[i] != NULL; i++)
            if (!put(out, err, i == 0 ? " \\fB" : ", \\fB", row->choices[i], "\\fR"))
                return false;
    }
    if (row->is_setting) {
        char name[64];
        option_environment_name(row, name);
        if (!buffer_printf(out, err, ". Environment: \\fB%s\\fR", name))
            return false;
    }
    return buffer_append_text(out, ".\n", err);
}

static bool write_options(const struct command_row *command, struct buffer *out, struct error *err)
{
    size_t count;
    const struct option *table = options_table(&count);
    for (int group = 0; group < GROUP_COUNT; group++) {
        bool is_first = true;
        for (size_t i = 0; i < count; i++) {
            const struct option *row = &table[i];
            if ((int)row->group != group || (row->commands & command->command) == 0)
                continue;
            if (is_first &&
                !put(out, err, ".SS ", help_group_title((enum option_group)group), "\n"))
                return false;
            is_first = false;
            if (!write_option(row, out, err))
                return false;
        }
    }
    return true;
}

static bool write_commands(struct buffer *out, struct error *err)
{
    size_t count;
    const struct command_row *rows = commands_table(&count);
    if (!buffer_append_text(out, ".SH COMMANDS\n", err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!put(out, err, ".TP\n\\fB", rows[i].name, "\\fR\n") ||
            !put(out, err, "", rows[i].summary, "\n"))
            return false;
    return true;
}

/* Of the translating command. */
static const char results[] =
    ".SH RESULTS\n"
    "With \\fB\\-\\-format jsonl\\fR each object gets, after its own fields, \\fItranslation\\fR, "
    "\\fIscore\\fR (S / T^a), \\fIsum_logprob\\fR (S, natural logarithm), \\fIlength\\fR (T, "
    "target "
    "tokens), \\fIflags\\fR and, if asked for, \\fItokens\\fR, \\fItoken_scores\\fR, "
    "\\fIalignment\\fR "
    "and \\fIn_best\\fR. The flags say what befell a line:\n"
    ".TP\n\\fBsplit\\fR\nit was translated as several sentences;\n"
    ".TP\n\\fBcut\\fR\na sentence was too long and was cut in parts;\n"
    ".TP\n\\fBlimit\\fR\na translation was ended by the length limit;\n"
    ".TP\n\\fBloop\\fR\na translation repeats itself or runs on;\n"
    ".TP\n\\fBmended\\fR\nthe text was not UTF\\-8;\n"
    ".TP\n\\fBunknown\\fR\nit has characters that the model does not know;\n"
    ".TP\n\\fBlost\\fR\na protected text or a term is missing from the translation;\n"
    ".TP\n\\fBforbidden\\fR\na forbidden word is in it.\n"
    ".PP\nIn other formats all of these but \\fBsplit\\fR and \\fBunknown\\fR are told on standard "
    "error, by file and line.\n"
    ".SH EXAMPLES\n"
    ".TP\n\\fBecho \\(aqA dog runs on the beach.\\(aq | dragoman\\fR\n"
    "Translates a line with the model that comes with the program.\n"
    ".TP\n\\fBdragoman \\-\\-from de \\-\\-via en \\-\\-to fr notes.txt \\-o notes.fr.txt\\fR\n"
    "Goes through two installed models.\n"
    ".TP\n\\fBdragoman corpus.en \\-o corpus.de \\-\\-resume\\fR\n"
    "Translates a large file; the same command goes on after an interruption.\n"
    ".TP\n\\fBdragoman \\-\\-column 2 \\-\\-terms glossary.tsv table.tsv\\fR\n"
    "Translates the second column of a table, with terms laid down.\n";

static const char closing[] =
    ".SH EXIT STATUS\n"
    ".TP\n\\fB0\\fR\nEvery input line has its output line, and the kernel took every byte.\n"
    ".TP\n\\fB1\\fR\nThe run started and could not finish. The output is a prefix of the right "
    "answer, made of whole lines.\n"
    ".TP\n\\fB2\\fR\nNothing was translated: wrong usage, or a model that is missing, malformed or "
    "not supported. Nothing was written.\n"
    ".PP\nOn SIGINT, SIGTERM and SIGHUP the lines that are finished are written, then "
    "a message says after which line, and how to go on, and the signal takes its course.\n"
    ".SH FILES\n"
    ".TP\n\\fI$XDG_CONFIG_HOME/dragoman/config\\fR\n"
    "Settings, as lines \\(oqname = value\\(cq; \\(oq#\\(cq begins a comment. The command line "
    "wins, "
    "then the environment, then this file, then the model. "
    "\\fB\\-\\-no\\-\\fINAME\\fR switches off what a setting or the default switched on, and "
    "takes back a text that a setting gave.\n"
    ".TP\n\\fI$XDG_DATA_HOME/dragoman/models\\fR\nInstalled models.\n"
    ".SH SECURITY\n"
    "Model files and input text are data: a crash, a hang, an out-of-bounds access, an unbounded "
    "allocation, a file opened outside the model directory, or a lost, merged or reordered line, "
    "caused by any model file or any text, is a security bug.\n";

bool help_write_man(const struct command_row *command, struct buffer *out, struct error *err)
{
    bool is_default = command->command == COMMAND_TRANSLATE;
    const char *dash = is_default ? "" : "-";
    const char *name = is_default ? "" : command->name;
    if (!buffer_printf(out, err, ".TH DRAGOMAN%s%s 1 \"\" \"dragoman %s\" \"User Commands\"\n",
                       dash, name, DRAGOMAN_VERSION) ||
        !buffer_printf(out, err, ".SH NAME\ndragoman%s%s \\- ", is_default ? "" : "\\-", name) ||
        !put(out, err, "", command->summary, "\n.SH SYNOPSIS\n\\fBdragoman") ||
        !put(out, err, is_default ? "" : " ", name, "\\fR ") ||
        !put(out, err, "", command->arguments, "\n"))
        return false;
    if (command->details != NULL && !put(out, err, ".SH DESCRIPTION\n", command->details, "\n"))
        return false;
    if (!buffer_append_text(out, ".SH OPTIONS\n", err) || !write_options(command, out, err))
        return false;
    if (is_default && (!write_commands(out, err) || !buffer_append_text(out, results, err)))
        return false;
    return buffer_append_text(out, closing, err);
}
