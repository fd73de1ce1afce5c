/* SPDX-License-Identifier: Apache-2.0 */
#include "output/acl.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ATTRIBUTE "system.posix_acl_access"
#define ENTRIES_MAX 1024 /* of what has more, all are taken to be others */

static ssize_t get(int fd, void *value, size_t size)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return getxattr(name, ATTRIBUTE, value, size);
}

bool acl__has(int fd)
{
	return get(fd, NULL, 0) > 0;
}

int acl__remove(int fd)
{
	if (!fremovexattr(fd, ATTRIBUTE) || errno == ENODATA || errno == EOPNOTSUPP)
		return 0;
	return -errno;
}

/* Returns what no entry but the owner's and "other" may exceed. */
static unsigned int mask_of(const struct posix_acl_xattr_entry *entries, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		if (le16toh(entries[i].e_tag) == ACL_MASK)
			return le16toh(entries[i].e_perm);
	return ACL_READ | ACL_WRITE | ACL_EXECUTE;
}

static bool is_others(const struct owner *owner, const struct posix_acl_xattr_entry *entry)
{
	uint32_t id = le32toh(entry->e_id);

	switch (le16toh(entry->e_tag)) {
	case ACL_USER:
		return !owner__is_ours(owner, id);
	case ACL_GROUP:
		return !owner__is_our_group(owner, id);
	default:
		return false; /* these the mode shows */
	}
}

bool acl__lets_others(const struct owner *owner, int fd, char *who, size_t size)
{
	struct {
		struct posix_acl_xattr_header header;
		struct posix_acl_xattr_entry entries[ENTRIES_MAX];
	} acl;
	ssize_t len = get(fd, &acl, sizeof(acl));
	size_t cnt;
	unsigned int mask;

	if (len < (ssize_t)sizeof(acl.header)) {
		snprintf(who, size, "others");
		return len < 0 && errno == ERANGE;
	}
	cnt = ((size_t)len - sizeof(acl.header)) / sizeof(acl.entries[0]);
	mask = mask_of(acl.entries, cnt) & (ACL_READ | ACL_WRITE);
	for (size_t i = 0; i < cnt; i++) {
		unsigned int may = le16toh(acl.entries[i].e_perm) & mask;

		if (!may || !is_others(owner, &acl.entries[i]))
			continue;
		snprintf(who, size, "%s %u %s",
			 le16toh(acl.entries[i].e_tag) == ACL_USER ? "user" : "group",
			 le32toh(acl.entries[i].e_id), may & ACL_WRITE ? "write to it" : "read it");
		return true;
	}
	return false;
}
