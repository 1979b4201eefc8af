/* spm_table.h - checks the normalizer table ("precompiled charsmap") of a SentencePiece model.
 *
 * It is 4 bytes of trie size, a Darts double array of 32-bit units, and a pool of NUL-terminated
 * replacement texts. The library follows it without looking; here it is proved that no text can
 * lead it outside. */
#ifndef DRAGOMAN_TOKENIZER_SPM_TABLE_H
#define DRAGOMAN_TOKENIZER_SPM_TABLE_H

#include "base/error.h"

/* True if the table is safe for every text. Otherwise *fault says why ("an offset out of range"),
 * or is NULL and `err` holds an ERROR_MEMORY. An empty table is safe. */
bool spm_table_check(const unsigned char *bytes, size_t n_bytes, const char **fault,
                     struct error *err);

#endif
