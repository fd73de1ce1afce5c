/* SPDX-License-Identifier: Apache-2.0 */
#include "output/owner.h"

#include <unistd.h>

bool owner__is_ours(const struct owner *owner, uid_t uid)
{
	return uid == 0 || uid == geteuid() || (owner->uid != (uid_t)-1 && uid == owner->uid);
}

bool owner__is_our_group(const struct owner *owner, gid_t gid)
{
	return gid == 0 || gid == getegid() || (owner->gid != (gid_t)-1 && gid == owner->gid);
}
