/* SPDX-License-Identifier: Apache-2.0 */
/* child - for tests of what changes the process itself: they act in a forked child, which tells on stderr
 * what is not as expected. */
#ifndef PVM_CHILD_H
#define PVM_CHILD_H

#include <stdbool.h>

/* Skips the running test; the reason stands in the output of tests/check. */
void skip_for(const char *why);
/* Skips it unless we are root with the capabilities that its tests use. */
void need_root(void);
/* Skips it unless we can have a mount namespace, and mount there. */
void need_mounts(void);
/* Runs act in a child and fails the running test unless it returns 0. */
void in_child(int (*act)(void));
/* Returns 1 after a message if wrong. */
int wrong_if(bool wrong, const char *what);
#define WRONG_UNLESS(cond) wrong_if(!(cond), #cond)
/* Returns 1 after a message unless the line of /proc/self/status says want, blanks between words aside. */
int status_differs(const char *field, const char *want);

#endif
