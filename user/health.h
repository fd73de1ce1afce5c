/* SPDX-License-Identifier: Apache-2.0 */
/* health - what a metrics file says of a run, in one line and an exit status, as monitoring plugins have them: for probes that ask
 * whether a host is watched. */
#ifndef PVM_HEALTH_H
#define PVM_HEALTH_H

#include <stddef.h>
#include <stdint.h>

#define HEALTH_LINE 1024

enum health {
	HEALTH_OK = 0,
	HEALTH_WARNING = 1,
	HEALTH_CRITICAL = 2,
	HEALTH_UNKNOWN = 3, /* the file says too little */
};

/* Judges a metrics file's text, which was written so many seconds ago. line: is filled, without an LF. It is pure. */
enum health health__judge(const char *text, uint64_t age_s, char line[HEALTH_LINE]);
/* Reads the file, writes the line to stdout and returns the exit status, enum health. */
int health__run(const char *path);

#endif
