/* beam_peers.c - how the other engines' searches choose what goes on and what ends. */
#include "model/beam_state.h"

/* CTranslate2 4.8, decoding.cc BeamSearch: the first N ranks may end (all of them at the last
 * step), their places are filled from the ranks after N. */
bool search_advance_ct2(struct search *search, bool *taken, struct error *err)
{
    const struct generation *generation = search->options.generation;
    uint32_t width = search->n_beams, n_next = 0, refill = width;
    bool last = search->n_generated + 1 >= search->request.max_length;
    for (uint32_t rank = 0; rank < width && rank < search->n_extensions; rank++) {
        uint32_t from = rank;
        bool ended = search_is_eos(search, search->extensions[rank].token);
        if (ended || last) {
            search->top_finished |= rank == 0;
            if (!search_add_finished(search, &search->extensions[rank], ended, err))
                return false;
            while (refill < search->n_extensions &&
                   search_is_eos(search, search->extensions[refill].token))
                refill++;
            from = refill++;
        }
        if (from >= search->n_extensions || last)
            continue;
        taken[from] = true;
        if (!search_go_on(search, &search->extensions[from], &n_next, err))
            return false;
    }
    bool early = generation->length_penalty == 0 && search->top_finished &&
                 search->n_finished >= search->options.n_best;
    search->done = last || early || search->n_finished >= width || n_next == 0;
    if (!search->done)
        search_turn(search, n_next);
    return true;
}

/* Marian 1.12: the beam is as wide as there are hypotheses that have not ended; those that end
 * leave. */
bool search_advance_marian(struct search *search, struct error *err)
{
    uint32_t width = search->n_beams - search->n_finished, n_next = 0;
    bool last = search->n_generated + 1 >= search->request.max_length;
    for (uint32_t rank = 0; rank < width && rank < search->n_extensions; rank++) {
        const struct extension *extension = &search->extensions[rank];
        bool ended = search_is_eos(search, extension->token);
        bool ok = ended || last ? search_add_finished(search, extension, ended, err)
                                : search_go_on(search, extension, &n_next, err);
        if (!ok)
            return false;
    }
    search->done = last || n_next == 0;
    if (!search->done)
        search_turn(search, n_next);
    return true;
}

/* Greedy search and sampling: each hypothesis goes on with its one extension until it ends. */
bool search_advance_single(struct search *search, struct error *err)
{
    uint32_t n_next = 0;
    bool last = search->n_generated + 1 >= search->request.max_length;
    uint32_t width = search->options.sample ? search->n_extensions : 1;
    for (uint32_t i = 0; i < width && i < search->n_extensions; i++) {
        const struct extension *extension = &search->extensions[i];
        bool ended = search_is_eos(search, extension->token);
        bool ok = ended || last ? search_add_finished(search, extension, ended, err)
                                : search_go_on(search, extension, &n_next, err);
        if (!ok)
            return false;
    }
    search->done = last || n_next == 0;
    if (!search->done)
        search_turn(search, n_next);
    return true;
}
