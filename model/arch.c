#include "model/arch.h"

#include <string.h>

extern const struct arch arch_transformer, arch_ssru, arch_aan;

static const struct arch *const archs[] = {&arch_transformer, &arch_ssru, &arch_aan};

const struct arch *arch_find(const char *name)
{
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++)
        if (strcmp(archs[i]->name, name) == 0)
            return archs[i];
    return NULL;
}
