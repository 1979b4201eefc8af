/* The library in thirty lines: translates each argument. Build it with
 *     cc example.c $(pkg-config --cflags --libs dragoman) -o example */
#include <dragoman.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct dragoman_options options;
    struct dragoman_error error = {0};
    struct dragoman *translator;

    if (argc < 3) {
        fprintf(stderr, "usage: example MODEL TEXT...\n");
        return 2;
    }
    dragoman_options_init(&options);
    options.beam = 4;
    const char *model = argv[1];
    if (!dragoman_open(&translator, &model, 1, &options, &error)) {
        fprintf(stderr, "example: %s\n", error.text);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        char *text = dragoman_translate(translator, argv[i], &error);
        if (text == NULL) {
            fprintf(stderr, "example: %s\n", error.text);
            return 1;
        }
        puts(text);
        free(text);
    }
    dragoman_close(translator);
    return 0;
}
