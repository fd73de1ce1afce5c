/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The id of exactly len characters, hex digits and dashes, that the file begins with; else "" (a
 * first boot's machine-id may say "uninitialized"). */
static void read_id(const char *path, char *out, size_t len)
{
	ssize_t got;
	size_t i;
	int fd;

	out[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	do
		got = read(fd, out, len);
	while (got < 0 && errno == EINTR);
	close(fd);
	for (i = 0; got > 0 && i < (size_t)got; i++)
		if (!isxdigit((unsigned char)out[i]) && out[i] != '-')
			break;
	out[i == len ? len : 0] = '\0';
}

static void copy_name(char *out, size_t size, const char *in)
{
	size_t len = strnlen(in, size - 1);

	memcpy(out, in, len);
	out[len] = '\0';
}

void host__read(struct host *h)
{
	struct utsname uts;

	memset(h, 0, sizeof(*h));
	if (!uname(&uts)) {
		copy_name(h->name, sizeof(h->name), uts.nodename);
		copy_name(h->kernel, sizeof(h->kernel), uts.release);
		copy_name(h->kernel_version, sizeof(h->kernel_version), uts.version);
		copy_name(h->arch, sizeof(h->arch), uts.machine);
	}
	read_id("/etc/machine-id", h->machine_id, sizeof(h->machine_id) - 1);
	read_id("/proc/sys/kernel/random/boot_id", h->boot_id, sizeof(h->boot_id) - 1);
}
