/* config_family.h - the three ways a configuration is written, behind config_load(). */
#ifndef DRAGOMAN_MODEL_CONFIG_FAMILY_H
#define DRAGOMAN_MODEL_CONFIG_FAMILY_H

#include "model/config.h"
#include "model/config_json.h"
#include "model/tensors.h"

/* Largest config.json, generation_config.json, decoder.yml. */
#define CONFIG_MAX_BYTES ((size_t)1 << 20)

#define CONFIG_PATH_BYTES 1024

/* The directory of a model: `path`, or if that is a file the directory it is in. */
bool config_directory(char out[CONFIG_PATH_BYTES], const char *path, struct error *err);

/* Ranges that hold for every family. */
#define CONFIG_MAX_WIDTH 65536
#define CONFIG_MAX_HEADS 1024
#define CONFIG_MAX_VOCABULARY ((uint32_t)1 << 24)
#define CONFIG_MIN_EPSILON 1e-30f /* of a norm, which divides by its root; at most 1 */

/* Hugging Face: config.json, generation_config.json. */
bool config_load_hf(struct config *config, const char *directory, const struct tensors *tensors,
                    struct error *err);

/* Marian: "special:model.yml" inside the model, decoder.yml beside it. */
bool config_load_marian(struct config *config, const char *directory, const struct tensors *tensors,
                        struct error *err);

/* CTranslate2: scalars among the tensors, config.json and vocabularies beside them. */
bool config_load_ct2(struct config *config, const char *directory, const struct tensors *tensors,
                     struct error *err);

/* The project's own, of a converted checkpoint: "model_type": "dragoman" in config.json. What is
 * written (for cJSON_Delete()) reads back as the same values. */
bool config_load_own(struct config *config, struct json_reader *reader);
cJSON *config_write_own(const struct config *config, struct error *err);

/* What config files do not say but follows: scales of attention, head widths that divide. */
bool config_finish(struct config *config, const char *file, struct error *err);

#endif
