#include "tests/support/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_MAPPINGS 64

static struct {
    void *memory;
    size_t n_bytes;
} mappings[MAX_MAPPINGS];
static size_t n_mappings;

void *guard_new(size_t n_bytes, int fill)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = (n_bytes + page - 1) / page * page;
    char *memory =
        mmap(NULL, inside + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || n_mappings == MAX_MAPPINGS ||
        mprotect(memory + inside, page, PROT_NONE) != 0) {
        perror("guard_new");
        abort();
    }
    mappings[n_mappings].memory = memory;
    mappings[n_mappings++].n_bytes = inside + page;
    memset(memory, fill, inside);
    return memory + inside - n_bytes;
}

void guard_free_all(void)
{
    while (n_mappings > 0) {
        n_mappings--;
        munmap(mappings[n_mappings].memory, mappings[n_mappings].n_bytes);
    }
}
