/* Runs every fuzz target over its seeds, cut at every byte, so that the targets stay sound and what
 * a fuzzer once found stays fixed. A seed is a file of tests/fuzz/seeds/TARGET. */
#include "tests/support/check_tensors.h"
#include "tests/support/fuzz_targets.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS "tests/fuzz/seeds"

/* Seeds are small; of a larger one only this many prefixes are tried. */
#define MAX_CUTS 1024

static size_t replay(const struct fuzz_target *target)
{
    char path[512];
    size_t n_seeds = 0;
    snprintf(path, sizeof path, SEEDS "/%s", target->name);
    DIR *listing = opendir(path);
    if (listing == NULL)
        ck_abort_msg("no directory %s", path);
    struct dirent *entry;
    while ((entry = readdir(listing)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, SEEDS "/%s/%s", target->name, entry->d_name);
        struct buffer seed = load_bytes(path);
        size_t step = seed.n_bytes / MAX_CUTS + 1;
        for (size_t cut = 0; cut < seed.n_bytes; cut += step) {
            void *copy = malloc(seed.n_bytes - cut); /* its end is where a sanitizer looks */
            ck_assert_ptr_nonnull(copy);
            memcpy(copy, seed.bytes, seed.n_bytes - cut);
            target->run(copy, seed.n_bytes - cut);
            free(copy);
        }
        buffer_free(&seed);
        n_seeds++;
    }
    closedir(listing);
    return n_seeds;
}

START_TEST(seeds)
{
    ck_assert_uint_gt(replay(&fuzz_targets[_i]), 0);
}
END_TEST

int main(void)
{
    int count = 0;
    while (fuzz_targets[count].name != NULL)
        count++;
    Suite *suite = suite_create("fuzz seeds");
    TCase *cases = tcase_create("replay");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, seeds, 0, count);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
