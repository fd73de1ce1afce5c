/* SPDX-License-Identifier: Apache-2.0 */
/* capture - what a test's subject writes to stdout or stderr, as a string. */
#ifndef PVM_CAPTURE_H
#define PVM_CAPTURE_H

#define CAPTURE_SZ 32768

struct capture {
	int fd, saved, file;
};

/* From here on everything written to fd goes to a file in memory. Ends the process if that fails. */
void capture__start(struct capture *c, int fd);
/* Puts fd back and fills text, CAPTURE_SZ bytes, with what was written. */
void capture__end(struct capture *c, char *text);

#endif
