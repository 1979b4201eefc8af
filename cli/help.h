/* help.h - what is generated from the table of options: help, man pages, completions. */
#ifndef DRAGOMAN_CLI_HELP_H
#define DRAGOMAN_CLI_HELP_H

#include "cli/options.h"

/* A command of the program. */
struct command_row {
    const char *name;
    enum command command;
    const char *arguments; /* "[OPTION]... [FILE]..." */
    const char *summary;   /* one line, a sentence */
    const char *details;   /* paragraphs between "\n\n", for --help=all and the man page; or NULL */
    int (*run)(struct options *options); /* returns an exit status */
};

/* [*count] commands; the first, "translate", is the default. */
const struct command_row *commands_table(size_t *count);

/* "Search", "Speed and memory". */
const char *help_group_title(enum option_group group);

/* Help of a command, short or of all its options. */
bool help_write(const struct command_row *command, bool all, struct buffer *out, struct error *err);

/* The man page of a command, in man(7) macros. */
bool help_write_man(const struct command_row *command, struct buffer *out, struct error *err);

/* A completion script for "bash", "zsh" or "fish" (ERROR_USAGE for another shell). */
bool help_write_completion(const char *shell, struct buffer *out, struct error *err);

#endif
