/* Sinusoids and relative buckets against worked examples. */
#include "base/memory.h"
#include "model/positions.h"

#include <check.h>
#include <math.h>

static struct error err;

START_TEST(sine_and_cosine_agree_with_the_library)
{
    for (int i = 0; i < 20000; i++) {
        double x = i < 10000 ? i * 0.001 : (i - 10000) * 37.7, sine, cosine;
        positions_sincos(x, &sine, &cosine);
        ck_assert_double_eq_tol(sine, sin(x), 4e-16);
        ck_assert_double_eq_tol(cosine, cos(x), 4e-16);
    }
    for (int i = 0; i < 1000; i++) {
        double x = -i * 0.0123;
        ck_assert_double_eq_tol(positions_exp(x), exp(x), 4e-16 * exp(x));
    }
}
END_TEST

START_TEST(sinusoids)
{
    static const struct {
        bool native;
        double rows[4][4];
    } worked[] = {
        {false,
         {{0, 0, 1, 1},
          {0.841471, 0.010000, 0.540302, 0.999950},
          {0.909297, 0.019999, -0.416147, 0.999800},
          {0.141120, 0.029996, -0.989992, 0.999550}}},
        {true,
         {{0, 0, 1, 1},
          {0.841471, 0.000100, 0.540302, 1.000000},
          {0.909297, 0.000200, -0.416147, 1.000000},
          {0.141120, 0.000300, -0.989992, 1.000000}}},
    };
    struct sinusoids s = {0};
    ck_assert(sinusoids_reserve(&s, 4, worked[_i].native, 4, &err));
    for (int p = 0; p < 4; p++)
        for (int j = 0; j < 4; j++)
            ck_assert_double_eq_tol(s.rows[p * 4 + j], worked[_i].rows[p][j], 1e-6);
    /* Growing keeps what was there and continues it. */
    float kept = s.rows[3 * 4 + 1];
    ck_assert(sinusoids_reserve(&s, 4, worked[_i].native, 1000, &err));
    ck_assert_float_eq(s.rows[3 * 4 + 1], kept);
    ck_assert_double_eq_tol(s.rows[999 * 4], sin(999), 1e-6);
    memory_free(s.rows);
}
END_TEST

START_TEST(odd_width_has_one_more_sine_or_a_zero)
{
    struct sinusoids s = {0};
    ck_assert(sinusoids_reserve(&s, 5, false, 2, &err));
    ck_assert_double_eq_tol(s.rows[5 + 2], sin(pow(10000, -4.0 / 5)), 1e-7);
    ck_assert_double_eq_tol(s.rows[5 + 3], cos(1), 1e-6);
    memory_free(s.rows);
    s = (struct sinusoids){0};
    ck_assert(sinusoids_reserve(&s, 5, true, 2, &err));
    ck_assert_double_eq_tol(s.rows[5 + 1], sin(1e-4), 1e-9);
    ck_assert_float_eq(s.rows[5 + 4], 0);
    memory_free(s.rows);
}
END_TEST

START_TEST(buckets)
{
    /* T5, 32 buckets, distance 128: the least distance that reaches each bucket. */
    static const int encoder[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91};
    static const int decoder[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                  16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113};
    for (int distance = 0; distance < 2000; distance++) {
        uint32_t b = 0;
        while (b < 15 && encoder[b + 1] <= distance)
            b++;
        ck_assert_uint_eq(relative_bucket(-distance, 32, 128, true), b);
        if (distance > 0)
            ck_assert_uint_eq(relative_bucket(distance, 32, 128, true), b + 16);
        for (b = 0; b < 31 && decoder[b + 1] <= distance;)
            b++;
        ck_assert_uint_eq(relative_bucket(-distance, 32, 128, false), b);
        ck_assert_uint_eq(relative_bucket(distance, 32, 128, false), 0);
    }
}
END_TEST

START_TEST(biases)
{
    float table[32 * 3];
    for (int i = 0; i < 32 * 3; i++)
        table[i] = (float)i;
    struct relative_bias bias = {0};
    for (uint32_t n = 10; n <= 200; n += 190) {
        ck_assert(relative_bias_reserve(&bias, table, 32, 128, 3, true, n, &err));
        ck_assert_uint_ge(bias.centre, n);
        for (uint32_t h = 0; h < 3; h++)
            for (int r = -(int)n; r <= (int)n; r++)
                ck_assert_float_eq(bias.values[h * bias.stride + bias.centre + r],
                                   (float)(relative_bucket(r, 32, 128, true) * 3 + h));
    }
    memory_free(bias.values);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("positions");
    tcase_add_test(tcase, sine_and_cosine_agree_with_the_library);
    tcase_add_loop_test(tcase, sinusoids, 0, 2);
    tcase_add_test(tcase, odd_width_has_one_more_sine_or_a_zero);
    tcase_add_test(tcase, buckets);
    tcase_add_test(tcase, biases);
    Suite *suite = suite_create("model");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
