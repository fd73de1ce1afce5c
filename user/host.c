/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/utsname.h>
#include <sysexits.h>
#include <unistd.h>

#include "log.h"

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

bool host__is_name(const char *name)
{
	size_t len = strlen(name);

	return len && len < HOST_NAME_SZ && isalnum((unsigned char)name[0]) &&
	       isalnum((unsigned char)name[len - 1]) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
		       len;
}

bool host__name_changed(const struct host *h, char name[HOST_NAME_SZ])
{
	struct utsname uts;

	if (uname(&uts))
		return false;
	copy_name(name, HOST_NAME_SZ, uts.nodename);
	return strcmp(name, h->name) != 0;
}

int host__read(struct host *h, const char *name, const char *machine_id_file)
{
	const char *file = machine_id_file ? machine_id_file : MACHINE_ID_FILE;
	struct utsname uts;

	memset(h, 0, sizeof(*h));
	if (!uname(&uts)) {
		copy_name(h->name, sizeof(h->name), uts.nodename);
		copy_name(h->kernel, sizeof(h->kernel), uts.release);
		copy_name(h->kernel_version, sizeof(h->kernel_version), uts.version);
		copy_name(h->arch, sizeof(h->arch), uts.machine);
	}
	if (name)
		copy_name(h->name, sizeof(h->name), name);
	errno = 0;
	read_id(file, h->machine_id, sizeof(h->machine_id) - 1);
	if (machine_id_file && !h->machine_id[0]) {
		log__error("--machine-id %s: %s", file,
			   errno ? strerror(errno) : "does not begin with 32 hex digits");
		return EX_USAGE;
	}
	read_id("/proc/sys/kernel/random/boot_id", h->boot_id, sizeof(h->boot_id) - 1);
	return 0;
}
