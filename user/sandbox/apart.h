/* SPDX-License-Identifier: Apache-2.0 */
/* apart - lets a process of its own, in a cage as narrow as can be had, do what is done with a file that others may have made. */
#ifndef PVM_SANDBOX_APART_H
#define PVM_SANDBOX_APART_H

/* Calls fn in a child that may read this file and nothing else. Returns what fn does (0 to 127), or -1: the child did not come to
 * the end of it, or there could be none. What the kernel does not have or refuses of the cage is done without. */
int sandbox__apart(const char *file, int (*fn)(const char *file));

#endif
