/* SPDX-License-Identifier: Apache-2.0 */
#include "event/host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/utsname.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"

#define ID_SZ 37 /* the longest of them, a UUID, with a NUL */

/* Reads the whole file, as far as size goes. Returns how many bytes; -1 with errno set. */
static ssize_t read_file(const char *path, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n = 1;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while (n && len < size) {
		n = read(fd, out + len, size - len);
		if (n < 0 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return n < 0 ? -1 : (ssize_t)len;
}

/* Reads the id that is all the file holds but for a newline: len characters, hex digits or one of others; else "" (a first
 * boot's machine-id may say "uninitialized"). out has room for a NUL. */
static void read_id(const char *path, const char *others, char *out, size_t len)
{
	char text[ID_SZ + 1];
	ssize_t got = read_file(path, text, len + 2);

	out[0] = '\0';
	if (got != (ssize_t)len && (got != (ssize_t)len + 1 || text[len] != '\n'))
		return;
	for (size_t i = 0; i < len; i++)
		if (!isxdigit((unsigned char)text[i]) && (!text[i] || !strchr(others, text[i])))
			return;
	memcpy(out, text, len);
	out[len] = '\0';
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
	read_id(file, "", h->machine_id, sizeof(h->machine_id) - 1);
	if (machine_id_file && !h->machine_id[0]) {
		log__error(
			"--machine-id %s: %s", file,
			errno ? strerror(errno)
			      : "is not a machine's id: 32 hex digits and a newline, as in " MACHINE_ID_FILE);
		return EX_USAGE;
	}
	read_id("/proc/sys/kernel/random/boot_id", "-", h->boot_id, sizeof(h->boot_id) - 1);
	return 0;
}
