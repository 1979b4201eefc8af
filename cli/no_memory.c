#include "cli/no_memory.h"

#include "cli/message.h"
#include "tokenizer/sentencepiece.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unicode/uclean.h>
#include <unicode/uloc.h>
#include <unistd.h>

/* Written once, before there are threads. */
static struct {
    void (*last_words)(void *);
    void *argument;
} at_the_end;

static atomic_flag is_ending = ATOMIC_FLAG_INIT;

static void give_up(void)
{
    struct error err = {0};
    while (atomic_flag_test_and_set(&is_ending))
        pause(); /* another thread is at it already */
    if (at_the_end.last_words != NULL)
        at_the_end.last_words(at_the_end.argument);
    error_set(&err, ERROR_MEMORY, "out of memory");
    message_error(&err);
    _exit((int)exit_status_of(&err, at_the_end.last_words != NULL));
}

static void *allocate(const void *context, size_t n_bytes)
{
    (void)context;
    void *pointer = malloc(n_bytes);
    if (pointer == NULL && n_bytes > 0)
        give_up();
    return pointer;
}

static void *reallocate(const void *context, void *old, size_t n_bytes)
{
    (void)context;
    void *pointer = realloc(old, n_bytes);
    if (pointer == NULL && n_bytes > 0)
        give_up();
    return pointer;
}

static void release(const void *context, void *pointer)
{
    (void)context;
    free(pointer);
}

void no_memory_prepare(void)
{
    UErrorCode status = U_ZERO_ERROR;
    u_setMemoryFunctions(NULL, allocate, reallocate, release, &status);
    /* Instead of the environment's, on which no output may depend. */
    status = U_ZERO_ERROR;
    uloc_setDefault("en_US_POSIX", &status);
    sentencepiece_on_no_memory(give_up);
}

void no_memory_last_words(void (*last_words)(void *), void *argument)
{
    at_the_end.argument = argument;
    at_the_end.last_words = last_words;
}
