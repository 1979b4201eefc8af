/* no_memory.h - when a library cannot get memory. Our own code says so and stops in good order, but
 * protobuf (in SentencePiece) and ICU leave half-made objects behind and crash on them. So their
 * requests never fail: the process ends then and there, with what was finished written, a message,
 * and the status of the contract. */
#ifndef DRAGOMAN_CLI_NO_MEMORY_H
#define DRAGOMAN_CLI_NO_MEMORY_H

/* At the start of the program, before ICU is used. */
void no_memory_prepare(void);

/* From now on there is output: `last_words(argument)` is called first, on whatever thread it
 * happens, and the status is EXIT_UNFINISHED instead of EXIT_REFUSED. */
void no_memory_last_words(void (*last_words)(void *), void *argument);

#endif
