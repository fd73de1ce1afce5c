/* SPDX-License-Identifier: Apache-2.0 */
/* host - what this machine is called. */
#ifndef PVM_HOST_H
#define PVM_HOST_H

#include <stdbool.h>

#define HOST_NAME_SZ 65 /* HOST_NAME_MAX of Linux, and a NUL */
#define MACHINE_ID_FILE "/etc/machine-id"

/* This is the host; the first three stand in each line. */
struct host {
	char name[HOST_NAME_SZ]; /* nodename of uname(2), or what the user said */
	char machine_id[33];	 /* of MACHINE_ID_FILE; "" if there is none */
	char boot_id[37];	 /* /proc/sys/kernel/random/boot_id; "" if there is none */
	char kernel[65];	 /* release of uname(2) */
	char kernel_version[65];
	char arch[65]; /* machine of uname(2) */
};

/* Reads what the host is called. name, machine_id_file: what the user said, or NULL. What cannot be read is "", but for a
 * file that the user named: then it returns EX_USAGE after a message, else 0. */
int host__read(struct host *h, const char *name, const char *machine_id_file);
/* Reads the nodename again, into name. Returns whether it is another one than h's. */
bool host__name_changed(const struct host *h, char name[HOST_NAME_SZ]);
/* Returns whether a host may be called so: letters, digits, '-', '.', '_', none of these three at an end, 64 at most. */
bool host__is_name(const char *name);

#endif
