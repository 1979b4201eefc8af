/* dragoman score: how probable given translations are. */
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/pipeline.h"

#include <math.h>

int cmd_score(struct options *options)
{
    struct pipeline_totals totals = {0};
    if (options->n_operands > 2) {
        struct error err = {0};
        error_set(&err, ERROR_USAGE,
                  "score: one file of pairs, or a file of sources and one of "
                  "translations");
        return (int)message_fail(&err, false);
    }
    enum exit_status status = pipeline_run(options, &totals);
    if (status == EXIT_DONE && !options->print_config && totals.n_tokens > 0) {
        double entropy = -totals.sum / (double)totals.n_tokens;
        message_note("%llu pairs, %llu target tokens: cross-entropy %.5f nats a token, perplexity "
                     "%.4f",
                     (unsigned long long)totals.n_lines, (unsigned long long)totals.n_tokens,
                     entropy, exp(entropy));
    }
    return (int)status;
}
