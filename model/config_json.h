/* config_json.h - typed, range-checked access to the members of a JSON object, with one message for
 * each kind of fault: "config.json: d_model: must be an integer from 1 to 65536".
 *
 * After the first fault a reader does nothing and gives fallbacks, so that a configuration is read
 * in one go and checked once at the end. */
#ifndef DRAGOMAN_MODEL_CONFIG_JSON_H
#define DRAGOMAN_MODEL_CONFIG_JSON_H

#include "base/error.h"

#include <cJSON.h>
#include <stdint.h>

struct json_reader {
    const cJSON *object; /* NULL: an empty one */
    const char *file;
    struct error *err;
    bool failed;
};

/* A member that must be there. */
#define JSON_REQUIRED (UINT32_MAX - 1)

/* The member, or NULL if it is absent or null. */
const cJSON *json_member(const struct json_reader *reader, const char *key);

/* Integers in [least, most]; absent or null: `fallback`, or a fault if that is JSON_REQUIRED. */
uint32_t json_integer(struct json_reader *reader, const char *key, uint32_t least, uint32_t most,
                      uint32_t fallback);
float json_number(struct json_reader *reader, const char *key, float least, float most,
                  float fallback);
bool json_boolean(struct json_reader *reader, const char *key, bool fallback);

/* A string, owned by the object; absent or null: `fallback`. */
const char *json_string(struct json_reader *reader, const char *key, const char *fallback);

/* Notes a fault: "FILE: KEY: text". Always returns false. */
bool json_fault(struct json_reader *reader, const char *key, const char *text);

/* A value that must be an integer in [least, most]; a fault names `key`. */
bool json_value_integer(struct json_reader *reader, const char *key, const cJSON *value,
                        uint32_t least, uint32_t most, uint32_t *out);

#endif
