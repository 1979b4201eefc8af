#include "model/config_json.h"

#include <math.h>
#include <string.h>

bool json_fault(struct json_reader *reader, const char *key, const char *text)
{
    if (!reader->failed)
        error_set(reader->err, ERROR_MODEL, "%s: %s: %s", reader->file, key, text);
    reader->failed = true;
    return false;
}

const cJSON *json_member(const struct json_reader *reader, const char *key)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(reader->object, key);
    return cJSON_IsNull(member) ? NULL : member;
}

bool json_value_integer(struct json_reader *reader, const char *key, const cJSON *value,
                        uint32_t least, uint32_t most, uint32_t *out)
{
    if (cJSON_IsNumber(value) && value->valuedouble >= least && value->valuedouble <= most &&
        value->valuedouble == floor(value->valuedouble)) {
        *out = (uint32_t)value->valuedouble;
        return true;
    }
    if (!reader->failed)
        error_set(reader->err, ERROR_MODEL, "%s: %s: must be an integer from %u to %u",
                  reader->file, key, least, most);
    reader->failed = true;
    return false;
}

uint32_t json_integer(struct json_reader *reader, const char *key, uint32_t least, uint32_t most,
                      uint32_t fallback)
{
    const cJSON *value = json_member(reader, key);
    if (reader->failed)
        return least;
    if (value == NULL && fallback != JSON_REQUIRED)
        return fallback;
    if (cJSON_GetObjectItemCaseSensitive(reader->object, key) == NULL) {
        json_fault(reader, key, "missing");
        return least;
    }
    uint32_t out = least;
    (void)json_value_integer(reader, key, value, least, most, &out);
    return out;
}

float json_number(struct json_reader *reader, const char *key, float least, float most,
                  float fallback)
{
    const cJSON *value = json_member(reader, key);
    if (reader->failed || value == NULL)
        return fallback;
    if (cJSON_IsNumber(value) && value->valuedouble >= (double)least &&
        value->valuedouble <= (double)most)
        return (float)value->valuedouble;
    error_set(reader->err, ERROR_MODEL, "%s: %s: must be a number from %g to %g", reader->file, key,
              (double)least, (double)most);
    reader->failed = true;
    return fallback;
}

bool json_boolean(struct json_reader *reader, const char *key, bool fallback)
{
    const cJSON *value = json_member(reader, key);
    if (reader->failed || value == NULL)
        return fallback;
    if (!cJSON_IsBool(value))
        return json_fault(reader, key, "must be true or false");
    return cJSON_IsTrue(value);
}

const char *json_string(struct json_reader *reader, const char *key, const char *fallback)
{
    const cJSON *value = json_member(reader, key);
    if (reader->failed || value == NULL)
        return fallback;
    if (cJSON_IsString(value))
        return value->valuestring;
    json_fault(reader, key, "must be a string");
    return fallback;
}
