/* kernels.c - which tables there are, which this machine can use, and how they build on each other.
 */
#include "kernels/kernels.h"

#include "kernels/cpu.h"
#include "kernels/tables.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define MAX_TABLES 8
#define WHY_BYTES 256

/* Filled once by build(), const afterwards. */
static struct kernels tables[MAX_TABLES];
static const struct kernels *usable[MAX_TABLES];
static size_t n_usable;
static char unknown_text[WHY_BYTES], lacking_text[WHY_BYTES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *const names[] = {
    "scalar",
#if defined(__x86_64__)
    "avx2",   "avxvnni", "avx512", "vnni", "amx",
#elif defined(__aarch64__)
    "neon",
#endif
};

/* A new table that starts as a copy of `weaker` (NULL: empty), which `fill` then improves. */
static const struct kernels *append(const struct kernels *weaker, void (*fill)(struct kernels *))
{
    struct kernels *table = &tables[n_usable];
    if (weaker)
        *table = *weaker;
    fill(table);
    usable[n_usable++] = table;
    return table;
}

static void list(char *text, const char *reason)
{
    int n = snprintf(text, WHY_BYTES, "%s; this machine has", reason);
    for (size_t i = 0; i < n_usable && n > 0 && n < WHY_BYTES; i++)
        n += snprintf(text + n, WHY_BYTES - (size_t)n, " %s", usable[i]->name);
}

static void build(void)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    append(NULL, scalar_fill);
#if defined(__x86_64__)
    const struct kernels *best = NULL;
    if (cpu.avx2)
        best = append(NULL, avx2_fill);
    if (cpu.avxvnni)
        append(best, avxvnni_fill);
    if (cpu.avx512)
        best = append(NULL, avx512_fill);
    if (cpu.vnni)
        best = append(best, vnni_fill);
    if (cpu.amx_int8)
        append(best, amx_fill);
#elif defined(__aarch64__)
    if (cpu.dotprod)
        append(NULL, neon_fill);
#endif
    list(unknown_text, "no such instruction set");
    list(lacking_text, "this CPU or operating system lacks that instruction set");
}

const struct kernels *const *kernels_usable(size_t *count)
{
    pthread_once(&once, build);
    *count = n_usable;
    return usable;
}

const struct kernels *kernels_find(const char *name, const char **why)
{
    pthread_once(&once, build);
    if (!name)
        return usable[n_usable - 1];
    for (size_t i = 0; i < n_usable; i++)
        if (strcmp(usable[i]->name, name) == 0)
            return usable[i];
    bool known = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        known |= strcmp(names[i], name) == 0;
    if (why)
        *why = known ? lacking_text : unknown_text;
    return NULL;
}
