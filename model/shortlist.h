/* shortlist.h - a lexical shortlist: for each source token the target tokens it may become, so that
 * the output layer computes a few hundred logits instead of all V. Bergamot's binary files
 * (lex.*.s2t.bin).
 *
 * The choice is made for one sentence from its own tokens: made for a whole batch, as other engines
 * do, it lets a sentence's neighbours change its translation.
 *
 *     struct shortlist *shortlist;
 *     shortlist_open(&shortlist, "lex.50.50.ende.s2t.bin", source_V, target_V, shared, &err);
 *     shortlist_select(shortlist, ids, n_ids, &list, &n_list, &err);       list: memory_free()
 *     shortlist_close(shortlist);
 */
#ifndef DRAGOMAN_MODEL_SHORTLIST_H
#define DRAGOMAN_MODEL_SHORTLIST_H

#include "base/memory.h"

struct shortlist; /* const after opening, shared by threads */
struct source;

/* Reads and checks a file: magic, checksum, sizes, every offset and every id. `shared`: source and
 * target have one vocabulary, and a sentence's own tokens are candidates too. Faults are
 * ERROR_MODEL. */
bool shortlist_open(struct shortlist **shortlist, const char *path, uint32_t source_vocabulary,
                    uint32_t target_vocabulary, bool shared, struct error *err);

/* The same from bytes (model/source.h). */
bool shortlist_parse(struct shortlist **shortlist, const struct source *source,
                     uint32_t source_vocabulary, uint32_t target_vocabulary, bool shared,
                     struct error *err);
void shortlist_close(struct shortlist *shortlist);

/* The candidates of a sentence: the most frequent target tokens, the lists of its tokens, filled up
 * to a multiple of 8; ascending, without repetition. Source ids beyond the file's vocabulary have
 * no list. */
bool shortlist_select(const struct shortlist *shortlist, const uint32_t *ids, size_t n_ids,
                      uint32_t **list, uint32_t *n_list, struct error *err);

#endif
