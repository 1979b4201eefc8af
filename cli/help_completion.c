/* Completion scripts from the table of options. */
#include "cli/help.h"

#include <string.h>

/* The other word for an option that is on by default. */
static bool is_on(const struct option *row)
{
    return row->type == OPTION_FLAG && strcmp(row->initial, "yes") == 0;
}

static bool takes_file(const struct option *row)
{
    return (row->type == OPTION_TEXT || row->type == OPTION_TEXTS) &&
           (strstr(row->argument, "FILE") != NULL || strstr(row->argument, "MODEL") != NULL);
}

static bool append_choices(const struct option *row, struct buffer *out, struct error *err)
{
    for (size_t i = 0; row->choices[i] != NULL; i++)
        if (!buffer_printf(out, err, "%s%s", i > 0 ? " " : "", row->choices[i]))
            return false;
    return true;
}

static bool append_commands(struct buffer *out, struct error *err)
{
    size_t count;
    const struct command_row *rows = commands_table(&count);
    for (size_t i = 0; i < count; i++)
        if (!buffer_printf(out, err, "%s%s", i > 0 ? " " : "", rows[i].name))
            return false;
    return true;
}

/* case "$command" in NAME) words="--a --b" ;; ... */
static bool bash_words(struct buffer *out, struct error *err)
{
    size_t n_commands, n_options;
    const struct command_row *commands = commands_table(&n_commands);
    const struct option *table = options_table(&n_options);
    for (size_t i = 0; i < n_commands; i++) {
        if (!buffer_printf(out, err, "    %s) words='", commands[i].name))
            return false;
        bool is_first = true;
        for (size_t j = 0; j < n_options; j++) {
            if ((table[j].commands & commands[i].command) == 0)
                continue;
            if (!buffer_printf(out, err, "%s--%s", is_first ? "" : " ", table[j].name) ||
                (is_on(&table[j]) && !buffer_printf(out, err, " --no-%s", table[j].name)))
                return false;
            is_first = false;
        }
        if (!buffer_append_text(out, "' ;;\n", err))
            return false;
    }
    return true;
}

/* case "$previous" in --precision) COMPREPLY=(...) ;; ... */
static bool bash_values(struct buffer *out, struct error *err)
{
    size_t count;
    const struct option *table = options_table(&count);
    for (size_t i = 0; i < count; i++) {
        const struct option *row = &table[i];
        if (row->type == OPTION_FLAG || row->implied != NULL)
            continue;
        if (!buffer_printf(out, err, "    --%s", row->name) ||
            (row->letter != 0 && !buffer_printf(out, err, "|-%c", row->letter)) ||
            !buffer_append_text(out, ") ", err))
            return false;
        bool ok = true;
        if (row->type == OPTION_CHOICE)
            ok = buffer_append_text(out, "COMPREPLY=($(compgen -W '", err) &&
                 append_choices(row, out, err) &&
                 buffer_append_text(out, "' -- \"$current\")); ", err);
        else if (strcmp(row->name, "model") == 0)
            ok = buffer_append_text(out,
                                    "COMPREPLY=($(compgen -W \"$(dragoman __models 2>/dev/null)\" "
                                    "-- \"$current\") $(compgen -d -- \"$current\")); ",
                                    err);
        else if (takes_file(row))
            ok = buffer_append_text(out, "COMPREPLY=($(compgen -f -- \"$current\")); ", err);
        if (!ok || !buffer_append_text(out, "return ;;\n", err))
            return false;
    }
    return true;
}

static bool write_bash(struct buffer *out, struct error *err)
{
    return buffer_append_text(out,
                              "# bash completion for dragoman\n"
                              "_dragoman() {\n"
                              "    local current=\"${COMP_WORDS[COMP_CWORD]}\" "
                              "previous=\"${COMP_WORDS[COMP_CWORD-1]}\" command words\n"
                              "    COMPREPLY=()\n"
                              "    case \"$previous\" in\n",
                              err) &&
           bash_values(out, err) &&
           buffer_append_text(out, "    esac\n    command=translate\n    case \" ", err) &&
           append_commands(out, err) &&
           buffer_append_text(
               out,
               " \" in *\" ${COMP_WORDS[1]} \"*) command=\"${COMP_WORDS[1]}\" ;; esac\n"
               "    case \"$command\" in\n",
               err) &&
           bash_words(out, err) &&
           buffer_append_text(out,
                              "    esac\n"
                              "    case \"$current\" in\n"
                              "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$current\")) ;;\n"
                              "    *) COMPREPLY=($(compgen -f -- \"$current\"))\n"
                              "       [ \"$COMP_CWORD\" -eq 1 ] && COMPREPLY+=($(compgen -W '",
                              err) &&
           append_commands(out, err) &&
           buffer_append_text(out,
                              "' -- \"$current\")) ;;\n"
                              "    esac\n"
                              "    return 0\n"
                              "}\n"
                              "complete -o filenames -F _dragoman dragoman\n",
                              err);
}

/* Text inside single quotes of zsh or fish; of zsh also without what _arguments takes for its own.
 */
static bool append_quoted(struct buffer *out, const char *text, bool is_zsh, struct error *err)
{
    for (const char *c = text; *c != '\0'; c++) {
        bool ok;
        if (*c == '\'')
            ok = buffer_append_text(out, is_zsh ? "'\\''" : "\\'", err);
        else if (is_zsh && strchr("[]:\\", *c) != NULL)
            ok = buffer_printf(out, err, "\\%c", *c);
        else if (!is_zsh && *c == '\\')
            ok = buffer_append_text(out, "\\\\", err);
        else
            ok = buffer_append_byte(out, *c, err);
        if (!ok)
            return false;
    }
    return true;
}

static bool zsh_option(const struct option *row, struct buffer *out, struct error *err)
{
    bool ok = buffer_append_text(out, "        '", err);
    ok = ok && buffer_printf(out, err, "--%s", row->name);
    if (row->type != OPTION_FLAG)
        ok = ok && buffer_append_text(out, row->implied != NULL ? "=-" : "=", err);
    ok = ok && buffer_append_byte(out, '[', err) && append_quoted(out, row->help, true, err) &&
         buffer_append_byte(out, ']', err);
    if (is_on(row))
        ok = ok && buffer_printf(out, err, "' '--no-%s[off\\: ", row->name) &&
             append_quoted(out, row->help, true, err) && buffer_append_byte(out, ']', err);
    if (row->type == OPTION_FLAG)
        return ok && buffer_append_text(out, "' \\\n", err);
    ok = ok && buffer_printf(out, err, "%s:%s:", row->implied != NULL ? ":" : "", row->argument);
    if (row->type == OPTION_CHOICE)
        ok = ok && buffer_append_byte(out, '(', err) && append_choices(row, out, err) &&
             buffer_append_byte(out, ')', err);
    else if (strcmp(row->name, "model") == 0)
        ok = ok && buffer_append_text(out, "_dragoman_models", err);
    else if (takes_file(row))
        ok = ok && buffer_append_text(out, "_files", err);
    return ok && buffer_append_text(out, "' \\\n", err);
}

static bool write_zsh(struct buffer *out, struct error *err)
{
    size_t n_commands, n_options;
    const struct command_row *commands = commands_table(&n_commands);
    const struct option *table = options_table(&n_options);
    if (!buffer_append_text(out,
                            "#compdef dragoman\n"
                            "_dragoman_models() {\n"
                            "    compadd -- ${(f)\"$(dragoman __models 2>/dev/null)\"}\n"
                            "    _files -/\n"
                            "}\n"
                            "_dragoman() {\n"
                            "    local command=translate\n"
                            "    case \"$words[2]\" in\n    ",
                            err))
        return false;
    for (size_t i = 0; i < n_commands; i++)
        if (!buffer_printf(out, err, "%s%s", i > 0 ? "|" : "", commands[i].name))
            return false;
    if (!buffer_append_text(out, ") command=\"$words[2]\" ;;\n    esac\n    case \"$command\" in\n",
                            err))
        return false;
    for (size_t i = 0; i < n_commands; i++) {
        if (!buffer_printf(out, err, "    %s) _arguments \\\n", commands[i].name))
            return false;
        for (size_t j = 0; j < n_options; j++)
            if ((table[j].commands & commands[i].command) != 0 && !zsh_option(&table[j], out, err))
                return false;
        if (!buffer_append_text(out, "        '1: :(", err) || !append_commands(out, err) ||
            !buffer_append_text(out, ")' '*: :_files' ;;\n", err))
            return false;
    }
    return buffer_append_text(out, "    esac\n}\n_dragoman \"$@\"\n", err);
}

static bool fish_option(const struct option *row, struct buffer *out, struct error *err)
{
    bool ok = !is_on(row) ||
              (buffer_printf(out, err, "complete -c dragoman -l no-%s -d 'off: ", row->name) &&
               append_quoted(out, row->help, false, err) && buffer_append_text(out, "'\n", err));
    ok = ok && buffer_printf(out, err, "complete -c dragoman -l %s", row->name);
    if (row->letter != 0)
        ok = ok && buffer_printf(out, err, " -s %c", row->letter);
    if (row->type != OPTION_FLAG && row->implied == NULL)
        ok = ok && buffer_append_text(out, " -r", err);
    if (row->type == OPTION_CHOICE)
        ok = ok && buffer_append_text(out, " -f -a '", err) && append_choices(row, out, err) &&
             buffer_append_byte(out, '\'', err);
    else if (strcmp(row->name, "model") == 0)
        ok = ok && buffer_append_text(out, " -a '(dragoman __models 2>/dev/null)'", err);
    return ok && buffer_append_text(out, " -d '", err) &&
           append_quoted(out, row->help, false, err) && buffer_append_text(out, "'\n", err);
}

static bool write_fish(struct buffer *out, struct error *err)
{
    size_t n_commands, n_options;
    const struct command_row *commands = commands_table(&n_commands);
    const struct option *table = options_table(&n_options);
    if (!buffer_append_text(out, "# fish completion for dragoman\n", err))
        return false;
    for (size_t i = 0; i < n_commands; i++)
        if (!buffer_printf(out, err, "complete -c dragoman -n __fish_use_subcommand -a %s -d '",
                           commands[i].name) ||
            !append_quoted(out, commands[i].summary, false, err) ||
            !buffer_append_text(out, "'\n", err))
            return false;
    for (size_t j = 0; j < n_options; j++)
        if (!fish_option(&table[j], out, err))
            return false;
    return true;
}

bool help_write_completion(const char *shell, struct buffer *out, struct error *err)
{
    if (strcmp(shell, "bash") == 0)
        return write_bash(out, err);
    if (strcmp(shell, "zsh") == 0)
        return write_zsh(out, err);
    if (strcmp(shell, "fish") == 0)
        return write_fish(out, err);
    return error_set(err, ERROR_USAGE, "no completion for '%.40s'", shell);
}
