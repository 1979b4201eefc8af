#include "cli/warnings.h"

#include "cli/message.h"

#include <stdio.h>
#include <string.h>

#define MAX_TOLD 10

/* Flags that mean a line was not translated as asked. That it was split into its sentences, or has
 * characters the model does not know, is the usual case. */
#define TELLING                                                                                    \
    (DRAGOMAN_FLAG_CUT | DRAGOMAN_FLAG_LIMIT | DRAGOMAN_FLAG_LOOP | DRAGOMAN_FLAG_LOST |           \
     DRAGOMAN_FLAG_FORBIDDEN)

bool warnings_want_to_tell(const struct warnings *warnings, const struct dragoman_result *result)
{
    return (result->flags & TELLING) != 0 && warnings->n_told < MAX_TOLD;
}

void warnings_add(struct warnings *warnings, const char *file, uint64_t line,
                  const struct dragoman_result *result)
{
    if ((result->flags & DRAGOMAN_FLAG_MENDED) != 0 && warnings->n_mended++ == 0) {
        warnings->first_mended = line;
        snprintf(warnings->first_mended_file, sizeof warnings->first_mended_file, "%s", file);
    }
    if ((result->flags & TELLING) == 0)
        return;
    if (!warnings_want_to_tell(warnings, result)) {
        warnings->n_untold++;
        return;
    }
    warnings->n_told++;
    for (uint32_t i = 0; i < result->n_warnings; i++)
        if (strncmp(result->warnings[i], "not UTF-8", 9) != 0) /* the summary tells */
            message_at_line(file, line, "%s", result->warnings[i]);
}

void warnings_end(const struct warnings *warnings)
{
    if (warnings->n_untold > 0)
        message_note("%llu more lines were not translated as they stand (cut, at the length limit, "
                     "repeating, something lost or forbidden; --format jsonl flags each)",
                     (unsigned long long)warnings->n_untold);
    if (warnings->n_mended > 0)
        message_at_line(warnings->first_mended_file, warnings->first_mended,
                        "not UTF-8: what is ill-formed became U+FFFD (lines like this: %llu)",
                        (unsigned long long)warnings->n_mended);
}
