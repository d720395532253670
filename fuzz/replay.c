/*
 * Runs a fuzz target over files: each argument is a file, or a folder whose files are run in order of their names.
 * The empty input is always run first, so that a target without a corpus is still tried.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    uint8_t *data = NULL;
    size_t size = 0, got;
    uint8_t part[4096];
    while ((got = fread(part, 1, sizeof part, file)) > 0) {
        data = realloc(data, size + got);
        for (size_t i = 0; i < got; i++)
            data[size + i] = part[i];
        size += got;
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int replay_folder(const char *path)
{
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort), failed = 0;
    for (int i = 0; i < count; i++) {
        char *file;
        if (names[i]->d_name[0] != '.' && asprintf(&file, "%s/%s", path, names[i]->d_name) > 0) {
            failed |= replay_file(file);
            free(file);
        }
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        struct stat is;
        if (stat(argv[i], &is) == 0)
            failed |= S_ISDIR(is.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i]);
    }
    return failed;
}
