/*
 * The verbs of `handfast`, one function each. argv[0] is the verb's name. Each returns the exit status of the
 * program: 0 done, 1 it failed and has said why on stderr, 2 the arguments were wrong.
 */
#ifndef HF_CLI_VERBS_H
#define HF_CLI_VERBS_H

int verb_serve(int argc, char **argv);
int verb_listen(int argc, char **argv);
int verb_connect(int argc, char **argv);
int verb_ss(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_demo(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_sim(int argc, char **argv);

#endif
