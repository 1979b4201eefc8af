/* vocab_files.h - vocabularies in files other than vocab.json: Marian's YAML maps, and lists of one
 * token a line or in a JSON array. Each reads its text in one pass and builds nothing but the
 * vocabulary. */
#ifndef DRAGOMAN_TOKENIZER_VOCAB_FILES_H
#define DRAGOMAN_TOKENIZER_VOCAB_FILES_H

#include "tokenizer/family.h"

/* A YAML map of tokens to ids as marian-vocab writes it. Keys are plain, 'single' or "double"
 * quoted, or complex ("? key", then ": id"); whatever YAML would take a plain key for, here it is
 * text. Ids of `rows` and more are left out (rows 0: none are). */
bool vocab_read_yml(struct opening *opening, size_t index, const char *file, uint32_t rows);

/* One token a line; the number of the line, from 0, is its id. A carriage return is stripped only
 * if every line ends with one. */
bool vocab_read_lines(struct opening *opening, size_t index, const char *file, uint32_t rows);

/* A JSON array of strings. */
bool vocab_read_array(struct opening *opening, size_t index, const char *file);

#endif
