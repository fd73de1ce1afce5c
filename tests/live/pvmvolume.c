/* SPDX-License-Identifier: Apache-2.0 */
/* pvmvolume PATH: makes a subvolume of a btrfs, for guests that have no tools for that. */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/btrfs.h>

int main(int argc, char **argv)
{
	struct btrfs_ioctl_vol_args args = { .fd = 0 };
	char parent[sizeof(args.name)], name[sizeof(args.name)];
	int dir;

	if (argc != 2 || strlen(argv[1]) >= sizeof(parent)) {
		fprintf(stderr, "usage: pvmvolume PATH\n");
		return 64;
	}
	snprintf(parent, sizeof(parent), "%s", argv[1]);
	snprintf(name, sizeof(name), "%s", argv[1]);
	snprintf(args.name, sizeof(args.name), "%s", basename(name));
	dir = open(dirname(parent), O_RDONLY | O_DIRECTORY);
	if (dir < 0 || ioctl(dir, BTRFS_IOC_SUBVOL_CREATE, &args)) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
