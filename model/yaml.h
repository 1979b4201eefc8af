/* yaml.h - the little of YAML that Marian writes: a flat map of scalars and lists of scalars.
 *
 *     key: value            key: 'it''s'          key: "with \"escapes\""
 *     key: [a, b]           key:                  key: ~
 *                             - a
 *
 * No nesting, anchors, tags or block scalars: those are faults. */
#ifndef DRAGOMAN_MODEL_YAML_H
#define DRAGOMAN_MODEL_YAML_H

#include "base/memory.h"

struct yaml_entry {
    const char *key;
    const char **values; /* [n_values]; a scalar has one, an empty or null value none */
    size_t n_values, capacity;
};

struct yaml {
    struct arena arena;
    struct yaml_entry *entries;
    size_t n_entries, capacity;
};

/* Parses n_bytes of text (up to the first NUL). `file` is for messages. On failure `yaml` holds
 * nothing. */
bool yaml_parse(struct yaml *yaml, const char *file, const char *text, size_t n_bytes,
                struct error *err);
void yaml_free(struct yaml *yaml);

/* The entry of a key, or NULL. */
const struct yaml_entry *yaml_find(const struct yaml *yaml, const char *key);

/* The one value of a key; NULL if it is absent, null or a list. */
const char *yaml_scalar(const struct yaml *yaml, const char *key);

#endif
