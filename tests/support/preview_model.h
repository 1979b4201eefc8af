/* preview_model.h - calibrated int8 models whose output layer has a preview (model/network.h), made
 * from float fixtures and made-up sentences, always the same. All abort the test on any fault. */
#ifndef DRAGOMAN_TESTS_SUPPORT_PREVIEW_MODEL_H
#define DRAGOMAN_TESTS_SUPPORT_PREVIEW_MODEL_H

#include "model/network.h"
#include "model/session.h"
#include "tests/support/model_dir.h"

/* Makes directory `to`, which must be new or empty, of checkpoint `from`. `rank` is the preview's,
 * from 1 to the width of the model; or 0: as convert would choose it, which may be none. */
void make_preview_model(const char *from, const char *to, size_t rank);

/* Fixtures: tied and untied, 96 and 64 wide, two and three blocks of columns. Of each a model with
 * a preview of full rank, which only int8 takes away from the table, and one with a narrow one. */
#define PREVIEW_MODELS 8
#define PREVIEW_NARROW 16
#define PREVIEW_ROWS 4 /* of a step, at most */

struct preview_model {
    const char *from; /* the fixture */
    struct model_dir dir;
    struct model *model;
    struct network *network; /* the model's, that a test may spoil */
    struct session *session;
    uint32_t n_vocabulary, width;
    float *states; /* [PREVIEW_ROWS][width] decoder states of the last step */
    bool is_full;
};

/* Model `number` of PREVIEW_MODELS, opened as int8. */
void preview_open(struct preview_model *preview, int number);
void preview_close(struct preview_model *preview);

/* Another session, after the network was spoiled. */
void preview_renew(struct preview_model *preview);

/* A second step of n sentences, for a first one may ignore its token. */
void preview_step(struct preview_model *preview, uint32_t n, struct step_row *rows);

/* True if a list of n tokens has it. */
bool preview_listed(const uint32_t *list, uint32_t n, uint32_t token);

#endif
