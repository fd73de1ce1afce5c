/* SPDX-License-Identifier: Apache-2.0 */
/* link_check - whether what our hooks and iterators are attached by still runs our programs: another one can be put into an
 * iterator's link by whoever has a descriptor of it. */
#ifndef PVM_LINK_CHECK_H
#define PVM_LINK_CHECK_H

#include <stddef.h>
#include <stdint.h>

#define LINK_CHECK_MAX 96

struct tamper;

struct link_check {
	struct {
		int fd;
		uint32_t id, prog; /* numbers of the kernel's */
	} links[LINK_CHECK_MAX];
	size_t cnt;
};

/* Looks at these links; puts into found, once, which run another program than at the first look. Of what is no link to the kernel
 * (a perf event, before 5.15) nothing is known. */
void link_check__look(struct link_check *c, const int *fds, size_t cnt, struct tamper *found);

#endif
