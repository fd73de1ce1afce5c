/* SPDX-License-Identifier: Apache-2.0 */
/* host - what this machine is called, read once at start. */
#ifndef PVM_HOST_H
#define PVM_HOST_H

struct host {
	char name[65];	     /* nodename of uname(2) */
	char machine_id[33]; /* /etc/machine-id; "" if there is none */
	char boot_id[37];    /* /proc/sys/kernel/random/boot_id; "" if there is none */
	char kernel[65];     /* release of uname(2) */
	char kernel_version[65];
	char arch[65]; /* machine of uname(2) */
};

/* Never fails: what cannot be read is "". */
void host__read(struct host *h);

#endif
