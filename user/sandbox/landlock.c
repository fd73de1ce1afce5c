/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* These are of include/uapi/linux/landlock.h, of which Debian 12's headers have an older one. */
#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1

#define FS_WRITE_FILE (1ULL << 1)
#define FS_READ_FILE (1ULL << 2)
#define FS_READ_DIR (1ULL << 3)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_REG (1ULL << 8)
#define FS_TRUNCATE (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define NET_ALL 3ULL   /* bind, connect */
#define SCOPE_ALL 3ULL /* abstract sockets, signals */
/* What can be allowed for a file that is no directory. */
#define FS_OF_FILES (FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct path_beneath_attr {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

int landlock__abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

	if (abi > 0)
		return (int)abi;
	return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
}

/* Returns all that this version can keep from being done with files. */
static uint64_t fs_of(int abi)
{
	const unsigned int rights = abi < 2 ? 13 : abi < 3 ? 14 : abi < 5 ? 15 : 16;

	return (1ULL << rights) - 1;
}

static uint64_t allowed_of(unsigned int rights)
{
	return (rights & PLACE_READ ? FS_READ_FILE : 0) |
	       (rights & PLACE_WRITE ? FS_WRITE_FILE | FS_REMOVE_FILE | FS_MAKE_REG | FS_TRUNCATE
				     : 0) |
	       (rights & PLACE_LIST ? FS_READ_DIR : 0) | (rights & PLACE_DEVICE ? FS_IOCTL_DEV : 0);
}

static int add(int ruleset, int abi, const struct landlock_place *place)
{
	struct path_beneath_attr rule = { .allowed = allowed_of(place->rights) & fs_of(abi),
					  .parent_fd = place->fd };
	struct stat st;

	if (fstat(place->fd, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		rule.allowed &= FS_OF_FILES;
	if (!rule.allowed)
		return 0;
	if (!syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0))
		return 0;
	/* What has no place in a file system, such as a pipe's end, is not opened by one either. */
	return errno == EBADFD ? 0 : -errno;
}

/* Older kernels take no longer structure with more than zeroes in it (copy_struct_from_user). */
static int make_ruleset(int abi)
{
	const struct ruleset_attr attr = { .fs = fs_of(abi),
					   .net = abi < 4 ? 0 : NET_ALL,
					   .scoped = abi < 6 ? 0 : SCOPE_ALL };
	long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	return fd < 0 ? -errno : (int)fd;
}

int landlock__enforce(int abi, const struct landlock_place *places, size_t cnt)
{
	int ruleset = make_ruleset(abi), err = 0;

	if (ruleset < 0)
		return ruleset;
	for (size_t i = 0; i < cnt && !err; i++)
		err = places[i].fd < 0 ? 0 : add(ruleset, abi, &places[i]);
	if (!err && syscall(SYS_landlock_restrict_self, ruleset, 0))
		err = -errno;
	close(ruleset);
	return err;
}
