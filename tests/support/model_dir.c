#include "tests/support/model_dir.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

static void join(char out[PATH_MAX], const char *directory, const char *name)
{
    check(snprintf(out, PATH_MAX, "%s/%s", directory, name) < PATH_MAX, name);
}

void model_dir_new(struct model_dir *dir, const char *fixture)
{
    char from[PATH_MAX], to[PATH_MAX], real[PATH_MAX];
    snprintf(dir->path, sizeof dir->path, "/tmp/dragoman-test-XXXXXX");
    check(mkdtemp(dir->path) != NULL, dir->path);
    if (fixture == NULL)
        return;
    DIR *files = opendir(fixture);
    check(files != NULL, fixture);
    for (struct dirent *entry; (entry = readdir(files)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        join(from, fixture, entry->d_name);
        join(to, dir->path, entry->d_name);
        check(realpath(from, real) != NULL && symlink(real, to) == 0, to);
    }
    closedir(files);
}

void model_dir_write(const struct model_dir *dir, const char *name, const void *bytes,
                     size_t n_bytes)
{
    char path[PATH_MAX];
    join(path, dir->path, name);
    (void)unlink(path);
    FILE *file = fopen(path, "w");
    check(file != NULL && fwrite(bytes, 1, n_bytes, file) == n_bytes && fclose(file) == 0, path);
}

void model_dir_write_json(const struct model_dir *dir, const char *name, const cJSON *root)
{
    char *text = cJSON_Print(root);
    check(text != NULL, name);
    model_dir_write(dir, name, text, strlen(text));
    cJSON_free(text);
}

void model_dir_remove(const struct model_dir *dir, const char *name)
{
    char path[PATH_MAX];
    join(path, dir->path, name);
    check(unlink(path) == 0, path);
}

void model_dir_free(struct model_dir *dir)
{
    DIR *files = opendir(dir->path);
    check(files != NULL, dir->path);
    for (struct dirent *entry; (entry = readdir(files)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            model_dir_remove(dir, entry->d_name);
    closedir(files);
    check(rmdir(dir->path) == 0, dir->path);
}

char *model_dir_read(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "r");
    check(file != NULL && fseek(file, 0, SEEK_END) == 0, path);
    long size = ftell(file);
    check(size >= 0 && fseek(file, 0, SEEK_SET) == 0, path);
    char *bytes = malloc((size_t)size + 1);
    check(bytes != NULL && fread(bytes, 1, (size_t)size, file) == (size_t)size, path);
    bytes[size] = '\0';
    fclose(file);
    *n_bytes = (size_t)size;
    return bytes;
}
