/* Speed of the kernels: `make build/tests/kernels/bench_kernels`, then run it with the name of a
 * table (default: the best). Prints the best of many short runs; on a busy machine that is the only
 * figure that means something. Not a test. */
#include "kernels/kernels.h"
#include "tests/support/kernel_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUN_SECONDS 0.25
#define SLICE_SECONDS 1e-3

/* Time this thread ran, so that being preempted does not count. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *allocate(size_t n_bytes)
{
    void *memory = aligned_alloc(64, (n_bytes + 127) / 64 * 64);
    if (!memory)
        abort();
    memset(memory, 0, n_bytes);
    return memory;
}

static float *floats(size_t n)
{
    float *x = allocate(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = kernel_random_float();
    return x;
}

/* Seconds of one call: the best slice. */
static double measure(void (*run)(const void *), const void *job)
{
    double best = 1e9, begin = now();
    run(job);
    size_t calls = 1 + (size_t)(SLICE_SECONDS / (now() - begin + 1e-9));
    while (now() - begin < RUN_SECONDS) {
        double start = now();
        for (size_t i = 0; i < calls; i++)
            run(job);
        double seconds = (now() - start) / (double)calls;
        best = seconds < best ? seconds : best;
    }
    return best;
}

/* Clock of a core: a chain of three-cycle multiplications on x86. */
static void multiply_chain(const void *job)
{
    (void)job;
#if defined(__x86_64__)
    size_t x = 1;
    for (size_t i = 0; i < 1000; i++)
        __asm__ volatile("imul $3, %0, %0\n\timul $3, %0, %0\n\timul $3, %0, %0\n\timul $3, %0, %0"
                         : "+r"(x));
#endif
}

struct product {
    const struct kernels *kernels;
    const struct matrix *w;
    size_t m;
    const float *a;
    const int8_t *q;
    const float *scales;
    float *out;
};

static void run_product(const void *job)
{
    const struct product *p = job;
    const struct epilogue epilogue = {.activation = ACTIVATION_NONE};
    if (p->w->kind == MATRIX_F32)
        p->kernels->matmul_f32(p->m, p->a, p->w->k, p->w, 0, p->w->n, &epilogue, p->out, p->w->n);
    else
        p->kernels->matmul_i8(p->m, p->q, p->w->k_padded, p->scales, p->w, 0, p->w->n, &epilogue,
                              p->out, p->w->n);
}

static void bench_products(const struct kernels *kernels, enum matrix_kind kind, bool positive)
{
    static const size_t shapes[][2] = {{256, 256},  {256, 1024}, {1024, 256}, {512, 512},
                                       {512, 2048}, {2048, 512}, {256, 10001}};
    static const size_t rows[] = {1, 4, 8, 32, 128, 512};
    printf("%s%s, GMAC/s:\n%14s", kind == MATRIX_F32 ? "float product" : "int8 product",
           positive ? " of rows without negatives" : "", "k x n");
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        printf("  m=%-5zu", rows[r]);
    printf("\n");
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        size_t k = shapes[s][0], n = shapes[s][1], n_bytes, bad_at;
        if (!matrix_bytes(kind, n, k, &n_bytes))
            abort();
        struct matrix w;
        void *memory = allocate(n_bytes);
        matrix_place(&w, kind, n, k, memory);
        float *row = floats(k), *a = floats(512 * k), *scales = allocate(512 * sizeof *scales);
        for (size_t j = 0; j < n; j++)
            matrix_set_channel_f32(&w, j, row, kernels, &bad_at);
        for (size_t i = 0; positive && i < 512 * k; i++)
            a[i] = a[i] < 0 ? 0 : a[i];
        int8_t *q = allocate(512 * w.k_padded);
        kernels->quantize_rows(512, k, a, k, NULL, q, w.k_padded, scales);
        float *out = allocate(512 * n * sizeof *out);
        printf("%6zu x %-5zu", k, n);
        for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
            struct product job = {kernels, &w, rows[r], a, q, scales, out};
            double seconds = measure(run_product, &job);
            printf("  %7.1f", 1e-9 * (double)(rows[r] * k * n) / seconds);
            fflush(stdout);
        }
        printf("\n");
        free(memory), free(row), free(a), free(scales), free(q), free(out);
    }
}

struct rows_job {
    const struct kernels *kernels;
    const struct attention *attention;
    bool f16;
    enum activation activation;
    size_t n;
    float *x, *y, *gain;
    int8_t *q;
    uint32_t *indices;
};

static void run_attention(const void *job)
{
    const struct rows_job *r = job;
    (r->f16 ? r->kernels->attend_f16 : r->kernels->attend_f32)(r->attention);
}

static void bench_attention(const struct kernels *kernels)
{
    static const size_t shapes[][3] = {
        {1, 32, 64}, {4, 32, 64}, {32, 32, 64}, {4, 28, 32}, {100, 100, 64}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int f16 = 0; f16 < 2; f16++) {
            size_t queries = shapes[s][0], keys = shapes[s][1], width = shapes[s][2];
            float *memory = floats(keys * 2 * width), *q = floats(queries * width);
            float *out = floats(queries * width), *weights = floats(queries * (keys + 16));
            const void **rows = allocate(keys * sizeof *rows);
            for (size_t j = 0; j < keys; j++)
                rows[j] = memory + j * 2 * width;
            if (f16)
                memset(memory, 0, keys * 2 * width * sizeof *memory);
            const struct attention at = {.n_heads = 1,
                                         .n_queries = queries,
                                         .n_keys = keys,
                                         .head_width = width,
                                         .queries = q,
                                         .query_stride = width,
                                         .rows = rows,
                                         .value_offset = width * (f16 ? 2 : 4),
                                         .scale = 0.125f,
                                         .out = out,
                                         .out_stride = width,
                                         .weights = weights,
                                         .weights_stride = (keys + 15) / 16 * 16};
            const struct rows_job job = {.kernels = kernels, .attention = &at, .f16 = f16};
            double seconds = measure(run_attention, &job);
            printf("attend_%s %zu queries, %zu keys, width %zu: %.2f us, %.1f GMAC/s\n",
                   f16 ? "f16" : "f32", queries, keys, width, seconds * 1e6,
                   2e-9 * (double)(queries * keys * width) / seconds);
            free(memory), free(q), free(out), free(weights), free(rows);
        }
}

static void run_quantize(const void *job)
{
    const struct rows_job *r = job;
    float scale;
    r->kernels->quantize_rows(1, r->n, r->x, r->n, NULL, r->q, r->n, &scale);
}

static void run_layer_norm(const void *job)
{
    const struct rows_job *r = job;
    r->kernels->layer_norm(1, r->n, r->x, r->n, r->gain, r->gain, 1e-5f, r->y, r->n);
}

static void run_activate(const void *job)
{
    const struct rows_job *r = job;
    r->kernels->activate(r->n, r->y, r->activation);
}

static void run_sum_exp(const void *job)
{
    const struct rows_job *r = job;
    r->y[0] = r->kernels->sum_exp(r->n, r->x, 1.0f);
}

static void run_arg_max(const void *job)
{
    const struct rows_job *r = job;
    r->indices[0] = (uint32_t)r->kernels->arg_max(r->n, r->x);
}

static void run_select(const void *job)
{
    const struct rows_job *r = job;
    r->indices[0] = (uint32_t)r->kernels->select_above(r->n, r->x, 0.999f, r->indices);
}

static void bench_rows(const struct kernels *kernels)
{
    static const struct {
        const char *name;
        void (*run)(const void *);
        size_t n;
        enum activation activation;
    } jobs[] = {{"quantize_rows", run_quantize, 512, ACTIVATION_NONE},
                {"layer_norm", run_layer_norm, 512, ACTIVATION_NONE},
                {"activate relu", run_activate, 2048, ACTIVATION_RELU},
                {"activate swish", run_activate, 2048, ACTIVATION_SWISH},
                {"activate gelu", run_activate, 2048, ACTIVATION_GELU},
                {"sum_exp", run_sum_exp, 32000, ACTIVATION_NONE},
                {"arg_max", run_arg_max, 32000, ACTIVATION_NONE},
                {"select_above", run_select, 32000, ACTIVATION_NONE}};
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        size_t n = jobs[i].n;
        struct rows_job job = {.kernels = kernels,
                               .activation = jobs[i].activation,
                               .n = n,
                               .x = floats(n),
                               .y = floats(n),
                               .gain = floats(n),
                               .q = allocate(n),
                               .indices = allocate(n * sizeof(uint32_t))};
        double seconds = measure(jobs[i].run, &job);
        printf("%-14s n %5zu: %7.3f us, %.2f elements/ns\n", jobs[i].name, n, seconds * 1e6,
               (double)n / seconds * 1e-9);
        free(job.x), free(job.y), free(job.gain), free(job.q), free(job.indices);
    }
}

int main(int argc, char **argv)
{
    const char *why = "";
    const struct kernels *kernels = kernels_find(argc > 1 ? argv[1] : NULL, &why);
    if (!kernels) {
        fprintf(stderr, "%s\n", why);
        return EXIT_FAILURE;
    }
    printf("table %s, clock %.2f GHz\n", kernels->name,
           12000 / measure(multiply_chain, NULL) * 1e-9);
    bench_products(kernels, MATRIX_F32, false);
    bench_products(kernels, MATRIX_I8, false);
    bench_products(kernels, MATRIX_I8, true);
    bench_attention(kernels);
    bench_rows(kernels);
    return EXIT_SUCCESS;
}
