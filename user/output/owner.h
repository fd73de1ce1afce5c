/* SPDX-License-Identifier: Apache-2.0 */
/* owner - whom outputs are for, and who else counts as one of us. */
#ifndef PVM_OWNER_H
#define PVM_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

struct owner {
	uid_t uid; /* (uid_t)-1: whoever we are */
	gid_t gid;
	bool made_up; /* the uid was chosen for this run, and is nobody's */
};

/* Returns whether uid is root's, our own or the owner's; whether gid is a group of one of them. */
bool owner__is_ours(const struct owner *owner, uid_t uid);
bool owner__is_our_group(const struct owner *owner, gid_t gid);

#endif
