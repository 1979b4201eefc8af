/* commands.h - the commands, a file each, and what they share. Each returns an exit status. */
#ifndef DRAGOMAN_CLI_COMMANDS_H
#define DRAGOMAN_CLI_COMMANDS_H

#include "cli/options.h"

int cmd_translate(struct options *options);
int cmd_score(struct options *options);
int cmd_info(struct options *options);
int cmd_convert(struct options *options);
int cmd_bench(struct options *options);
int cmd_tokenize(struct options *options);
int cmd_detokenize(struct options *options);
int cmd_get(struct options *options);
int cmd_models(struct options *options);
int cmd_remove(struct options *options);
int cmd_serve(struct options *options);

/* The hidden commands behind man pages and completions: "__man COMMAND", "__complete SHELL",
 * "__models". */
int cmd_generate(int argc, char *const *argv);

/* Writes text to standard output, all of it or false with ERROR_OUTPUT. */
bool print_text(const char *text, size_t n_bytes, struct error *err);

/* dragoman --version, dragoman --limits. */
int print_version(void);
int print_limits(void);

#endif
