/* SPDX-License-Identifier: Apache-2.0 */
#include "event/path.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "event/container.h"

#define ANON_INODE_PREFIX \
	"anon_inode:" /* as in the kernel's own paths, and no longer than PATH_UNREACHABLE */

bool path__begins(const char *path, size_t len, const char *with)
{
	size_t with_len = strlen(with);

	return len >= with_len && !memcmp(path, with, with_len);
}

static char *put_bytes(char *at, const char *text)
{
	size_t len = strlen(text);

	memcpy(at, text, len);
	return at + len;
}

/* Puts the first names of a path that lacks some, or came in two parts. */
static char *join_first(char *at, const struct pvm_path *rec)
{
	const char *name = (const char *)rec->data + rec->gap;
	const char *end = (const char *)rec->data + rec->len;

	for (; name < end; name += strlen(name) + 1) {
		*at++ = '/';
		at = put_bytes(at, name);
	}
	/* The names that follow begin with a slash. */
	return rec->flags & PVM_PATH_GAP ? put_bytes(at, CGROUP_GAP) - 1 : at;
}

/* What is no file at all has a name that is not a path. As the kernel writes it. A record without a byte of it has no NUL either. */
static char *join_anon_inode(char *path, const struct pvm_path *rec, size_t *len)
{
	char *end = put_bytes(path, ANON_INODE_PREFIX);

	*len = (size_t)(put_bytes(end, rec->len ? (const char *)rec->data : "") - path);
	return path;
}

char *path__join(const struct pvm_path *rec, size_t *len)
{
	const char *names = (const char *)rec->data;
	size_t left = rec->gap ? rec->gap : rec->len; /* those that remain, each with its NUL */
	char *path = malloc(PATH_UNREACHABLE_LEN + PATH_CUT_LEN + sizeof(CGROUP_GAP) + rec->len);
	char *at = path;
	bool named = false;

	if (!path)
		return NULL;
	/* A file without a root (memfd) is nowhere by its nature. */
	if (rec->flags & PVM_PATH_DETACHED && !(rec->flags & PVM_PATH_NAME)) {
		memcpy(at, PATH_UNREACHABLE, PATH_UNREACHABLE_LEN);
		at += PATH_UNREACHABLE_LEN;
	}
	if (rec->flags & PVM_PATH_ANON_INODE)
		return join_anon_inode(path, rec, len);
	if (rec->flags & PVM_PATH_CUT) {
		memcpy(at, PATH_CUT, PATH_CUT_LEN);
		at += PATH_CUT_LEN;
	}
	if (rec->gap)
		at = join_first(at, rec);
	while (left) {
		const char *before = left > 1 ? memrchr(names, '\0', left - 1) : NULL;
		const char *name = before ? before + 1 : names;
		size_t name_len = (size_t)(names + left - 1 - name);

		/* A root that is mounted nowhere is called "/" itself. */
		if (name_len && !(name_len == 1 && *name == '/')) {
			*at++ = '/';
			memcpy(at, name, name_len);
			at += name_len;
			named = true;
		}
		left = (size_t)(name - names);
	}
	if (!named)
		*at++ = '/';
	*len = (size_t)(at - path);
	return path;
}
