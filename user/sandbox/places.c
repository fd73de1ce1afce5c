/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/places.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/calls.h"

/* The numbers of the CPUs that are online: sysconf(3) reads it. */
#define CPUS_FILE "/sys/devices/system/cpu/online"
#define TYPES_DIR "/sys/kernel/btf"

__attribute__((format(printf, 4, 5))) static void want(struct places_wanted *w, unsigned int rights,
						       bool above, const char *fmt, ...)
{
	struct place_wanted *p = &w->at[w->cnt];
	va_list ap;
	int len;

	if (w->cnt == PLACES_MAX)
		return;
	va_start(ap, fmt);
	len = vsnprintf(p->path, sizeof(p->path), fmt, ap);
	va_end(ap);
	if (len <= 0 || (size_t)len >= sizeof(p->path))
		return;
	p->rights = rights;
	p->above = above;
	w->cnt++;
}

/* Returns how long the directory's name is in path: 0 if it has none. */
static int dir_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return 0;
	return slash == path ? 1 : (int)(slash - path);
}

/* Wants the directory of a file that may be made anew: and the one above, as the directory may be made anew as well, or be
 * covered by a mount. A directory that is not there yet has none above it but by its name. */
static void want_dir_of(struct places_wanted *w, const char *path, unsigned int rights)
{
	const int len = dir_len(path);
	char dir[PATH_MAX];

	if (snprintf(dir, sizeof(dir), "%.*s", len ? len : 1, len ? path : ".") >= (int)sizeof(dir))
		return;
	want(w, rights, false, "%s", dir);
	want(w, PLACE_WRITE, true, "%s/..", dir);
	if (dir_len(dir))
		want(w, PLACE_WRITE, true, "%.*s", dir_len(dir), dir);
}

/* What was written is read back: whether it ends in a line, and is still what was written. */
static void want_output(struct places_wanted *w, const struct sandbox_asked *a, const char *real)
{
	const unsigned int rights = PLACE_READ | PLACE_WRITE |
				    (S_ISCHR(a->kind) ? PLACE_DEVICE : 0);

	if (a->reopens) {
		want_dir_of(w, a->options->output, rights);
		if (*real == '/')
			want_dir_of(w, real, rights);
	}
	/* A rule keeps its file, and the room that it takes, after it was removed: where it has a folder of ours that has one. */
	if (S_ISREG(a->kind) && !a->reopens)
		want(w, PLACE_READ, false, "/proc/self/fd/%d", a->output);
}

void places__want(const struct sandbox_asked *a, const char *real, struct places_wanted *out)
{
	const struct options *o = a->options;
	const uint32_t needs = sandbox_needs(a);

	out->cnt = 0;
	want_output(out, a, real);
	/* Which mounts there are, and which one a file is in. */
	if (needs & NEED_FILE)
		want(out, PLACE_READ, false, "/proc/self");
	if (!a->tracing)
		return;
	if (o->metrics)
		want_dir_of(out, o->metrics, PLACE_WRITE);
	if (o->record)
		want(out, PLACE_READ, false, "%s", o->record);
	if (a->types_later)
		want(out, PLACE_READ, false, TYPES_DIR);
	if (a->types_later && o->btf)
		want(out, PLACE_READ, false, "%s", o->btf);
	if (needs & NEED_LIST)
		want(out, PLACE_LIST, false, "/");
	/* It is asked who made a call that no hook saw. */
	if (o->audit) {
		want(out, PLACE_READ, false, "/proc");
		want(out, PLACE_READ, false, CPUS_FILE);
	}
}

static bool is_root(int fd)
{
	struct stat root, st;

	return stat("/", &root) || fstat(fd, &st) ||
	       (root.st_dev == st.st_dev && root.st_ino == st.st_ino);
}

size_t places__open(const struct places_wanted *wanted, struct landlock_place out[PLACES_MAX])
{
	size_t cnt = 0;

	for (size_t i = 0; i < wanted->cnt; i++) {
		const struct place_wanted *p = &wanted->at[i];
		int fd = open(p->path, O_PATH | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (p->above && is_root(fd)) {
			close(fd);
			continue;
		}
		out[cnt++] = (struct landlock_place){ .fd = fd, .rights = p->rights };
	}
	return cnt;
}
