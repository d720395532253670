/* The `handfast` program: finds the verb and hands it the rest of the command line. Read next: verbs.h, host.h. */
#include "verbs.h"

#include "usage.h"

#include <handfast/handfast.h>
#include <stdio.h>
#include <string.h>

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct verb verbs[] = {
    {"demo", verb_demo, "show the life of two connections as it happens"},
    {"serve", verb_serve, "serve a directory over HTTP/1.1"},
    {"listen", verb_listen, "wait for a connection and join it to standard input and output"},
    {"connect", verb_connect, "open a connection and join it to standard input and output"},
    {"ss", verb_ss, "show the connections of running Handfast processes, or of the kernel"},
    {"run", verb_run, "run a program in a network of its own, and report on its connections"},
    {"check", verb_check, "run packetdrill scripts against the engine, in virtual time"},
    {"sim", verb_sim, "simulate networks in virtual time: seeds with every fault, or what a path does"},
};

enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static void print_help(void)
{
    puts("usage: handfast VERB [OPTIONS] ...\n"
         "\n"
         "A complete TCP, watched from its first SYN to the last ACK.\n");
    for (unsigned i = 0; i < VERB_COUNT; i++)
        printf("  %-9s %s\n", verbs[i].name, verbs[i].summary);
    puts("\n"
         "handfast VERB --help tells about one of them; so does the page handfast-VERB(1).\n"
         "handfast --version prints the version.\n"
         "\n"
         "Exit status: 0 done, 1 it failed and said why, 2 the arguments were wrong.");
}

static const struct verb *find_verb(const char *name)
{
    for (unsigned i = 0; i < VERB_COUNT; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        puts("handfast " HANDFAST_VERSION);
        return 0;
    }
    const struct verb *verb = find_verb(name);
    if (verb)
        return verb->run(argc - 1, argv + 1);
    if (argc < 2)
        fputs("handfast: no verb given; see 'handfast --help'\n", stderr);
    else
        fprintf(stderr, "handfast: '%s' is not a verb; see 'handfast --help'\n", name);
    return EXIT_USAGE;
}
