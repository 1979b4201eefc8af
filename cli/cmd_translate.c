/* dragoman translate: lines in, lines out. */
#include "cli/commands.h"
#include "cli/pipeline.h"

int cmd_translate(struct options *options)
{
    return (int)pipeline_run(options, NULL);
}
