/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/exe_bind.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sysexits.h>
#include <unistd.h>

#include <linux/types.h>

#include "base/log.h"
#include "bpf/event.h"

#define OLD_MAX 4     /* earlier files of one path that go on counting */
#define GLOB_EVERY 10 /* looks between two at what a pattern means */

struct bound_file {
	const struct filter_value *value;
	uint32_t at; /* of the list that the value is in: list_of */
	char *path;
	int fd;
	struct stat is; /* when it was bound, or its change was told */
	bool old;	/* another one is there now, or none */
	bool gone;	/* which was said */
	bool stale;	/* it is no file of its file system any more: file_again */
};

static const char *const names[PVM_BOUND_CNT] = {
	[PVM_OF_CALLER] = "caller-exe",
	[PVM_OF_TARGET] = "target-exe",
	[PVM_OF_ANCESTOR + PVM_CALLER] = "caller-ancestor-exe",
	[PVM_OF_ANCESTOR + PVM_TARGET] = "target-ancestor-exe",
};

static const char *const sides[PVM_BOUND_CNT] = {
	[PVM_OF_CALLER] = "caller",
	[PVM_OF_TARGET] = "target",
	[PVM_OF_ANCESTOR + PVM_CALLER] = "caller_ancestor",
	[PVM_OF_ANCESTOR + PVM_TARGET] = "target_ancestor",
};

/* Returns the list at this place: of rule number at / PVM_BOUND_CNT, enum pvm_bound is the rest. */
static const struct filter_list *list_of(const struct options *o, uint32_t at)
{
	const struct rule *r = &o->rules[at / PVM_BOUND_CNT];

	return &r->filter[at & 1][at & PVM_OF_ANCESTOR ? FILTER_ANCESTOR_EXE : FILTER_EXE];
}

static uint32_t side_of(uint32_t at)
{
	return at % PVM_BOUND_CNT;
}

static bool is_pattern(const char *text)
{
	return text[strcspn(text, "*?[\\")] != '\0';
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Who writes to a file can put its size and the time of that back, but not the time of the last change of any kind. */
static bool same_content(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool exe_bind__is_asked_for(const struct options *o)
{
	for (uint32_t at = 0; at < o->rule_cnt * PVM_BOUND_CNT; at++) {
		if (list_of(o, at)->cnt)
			return true;
	}
	return false;
}

/* The one that the path means at present, or NULL. */
static struct bound_file *find(const struct exe_bind *b, uint32_t at,
			       const struct filter_value *value, const char *path)
{
	for (size_t i = 0; i < b->cnt; i++) {
		struct bound_file *f = &b->files[i];

		if (f->at == at && f->value == value && !f->old && !strcmp(f->path, path))
			return f;
	}
	return NULL;
}

/* Looks what an open file's numbers are. Some file systems make a file anew under an inode number that is in use (NFS, FUSE),
 * and refuse what is open of the earlier one from then on. Others give a file that is open another number (an overlay, when it
 * copies it up). */
static void file_again(struct bound_file *f)
{
	struct stat now;

	if (fstat(f->fd, &now)) {
		f->stale = errno == ESTALE || errno == EIO;
		return;
	}
	f->stale = false;
	f->is.st_dev = now.st_dev;
	f->is.st_ino = now.st_ino;
}

/* What the file means, by all values that mean it. */
static struct pvm_bound_val meaning_of(const struct exe_bind *b, const struct bound_file *one)
{
	struct pvm_bound_val val = { { 0 } };

	for (size_t i = 0; i < b->cnt; i++) {
		const struct bound_file *f = &b->files[i];

		if (f == one || (!one->stale && !f->stale && same_file(&f->is, &one->is)))
			val.meant[side_of(f->at)] |=
				(f->value->exclude ? PVM_EXCLUDED(1u) : PVM_WANTED(1u))
				<< f->at / PVM_BOUND_CNT;
	}
	return val;
}

static void tell_kernel(const struct exe_bind *b, struct commands *c, const struct bound_file *f)
{
	const struct pvm_command command = {
		.kind = PVM_BIND_FILE,
		.pid = (uint32_t)f->fd,
		.bound = meaning_of(b, f),
	};

	commands__put(c, &command);
}

/* Opens what the path means now, without a right to read it. NULL, with errno: there is no such file, or no room. */
static struct bound_file *add(struct exe_bind *b, uint32_t at, const struct filter_value *value,
			      const char *path)
{
	struct bound_file f = { .value = value, .at = at };
	int err = 0;

	if (b->cnt == EXE_BIND_MAX) {
		errno = ENOSPC;
		return NULL;
	}
	f.fd = open(path, O_PATH | O_CLOEXEC);
	if (f.fd < 0)
		return NULL;
	if (fstat(f.fd, &f.is))
		err = errno;
	else if (!S_ISREG(f.is.st_mode))
		err = EINVAL;
	else if (!(f.path = strdup(path)))
		err = ENOMEM;
	if (err) {
		close(f.fd);
		errno = err;
		return NULL;
	}
	b->files[b->cnt] = f;
	return &b->files[b->cnt++];
}

/* The earliest of those that the path meant is forgotten, if they are too many. */
static void forget_old(struct exe_bind *b, struct commands *c, const struct bound_file *like)
{
	const struct filter_value *value = like->value;
	const char *path = like->path;
	struct bound_file gone;
	size_t first = b->cnt, cnt = 0;

	for (size_t i = 0; i < b->cnt; i++) {
		const struct bound_file *f = &b->files[i];

		if (!f->old || f->value != value || strcmp(f->path, path) != 0)
			continue;
		first = first < i ? first : i;
		cnt++;
	}
	if (cnt <= OLD_MAX)
		return;
	gone = b->files[first];
	memmove(&b->files[first], &b->files[first + 1], (b->cnt - first - 1) * sizeof(b->files[0]));
	b->cnt--;
	for (size_t i = 0; i < b->cnt; i++)
		file_again(&b->files[i]);
	file_again(&gone);
	tell_kernel(b, c, &gone);
	commands__apply(c);
	close(gone.fd);
	free(gone.path);
}

/* Calls take for each path that a value means, until that returns other than 0, and returns this. */
typedef int (*take_fn)(struct exe_bind *b, uint32_t at, const struct filter_value *value,
		       const char *path);

static int each_path(struct exe_bind *b, uint32_t at, const struct filter_value *value,
		     take_fn take)
{
	glob_t found = { 0 };
	int err = 0;

	if (!is_pattern(value->text))
		return take(b, at, value, value->text);
	if (!glob(value->text, 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc && !err; i++)
			err = take(b, at, value, found.gl_pathv[i]);
	}
	globfree(&found);
	return err;
}

/* Whether a file is a script, which never is the program that runs: that is its interpreter. interpreter: what the script calls
 * it, and its argument. What cannot be read is not taken to be one. */
static bool is_script(int fd, char *interpreter, size_t interpreter_sz)
{
	char path[32], line[PVM_PATH_MAX] = "";
	ssize_t len = -1;
	int reader;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	if (reader >= 0) {
		len = read(reader, line, sizeof(line) - 1);
		close(reader);
	}
	if (len < 2 || line[0] != '#' || line[1] != '!')
		return false;
	line[len] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	snprintf(interpreter, interpreter_sz, "%s", line + 2 + strspn(line + 2, " \t"));
	return true;
}

/* A script as a value would hold for nobody. */
static int refuse_script(const struct bound_file *f)
{
	const char *side = f->at & 1 ? "target" : "caller";
	char interpreter[128];

	if (!is_script(f->fd, interpreter, sizeof(interpreter)))
		return 0;
	log__error(
		"--%s: '%s' is a script: the program that runs is its interpreter, '%s'; give the "
		"path of that, or use --%s-unit, --%s-cgroup or --%s-comm",
		names[side_of(f->at)], f->path, interpreter, side, side, side);
	return EX_USAGE;
}

static int take_first(struct exe_bind *b, uint32_t at, const struct filter_value *value,
		      const char *path)
{
	const struct bound_file *f = add(b, at, value, path);

	if (f)
		return is_pattern(value->text) ? 0 : refuse_script(f);
	if (errno == ENOSPC) {
		log__error("--%s: '%s' and the others mean more than %d files", names[side_of(at)],
			   value->text, EXE_BIND_MAX);
		return EX_USAGE;
	}
	/* Of what a pattern means, directories and what has gone already are none of the programs. */
	if (is_pattern(value->text))
		return 0;
	if (errno == EINVAL) {
		log__error("--%s: '%s' is not a regular file", names[side_of(at)], path);
		return EX_USAGE;
	}
	if (errno == ENOENT || errno == ENOTDIR) {
		log__warn("--%s: '%s' is not there; it counts once it is", names[side_of(at)],
			  path);
		return 0;
	}
	log__error("--%s: '%s': %s", names[side_of(at)], path, strerror(errno));
	return EX_USAGE;
}

static int take_value(struct exe_bind *b, uint32_t at, const struct filter_value *value)
{
	const size_t before = b->cnt;
	int err = each_path(b, at, value, take_first);

	if (!err && is_pattern(value->text) && b->cnt == before)
		log__warn("--%s: '%s' means no file yet; each counts once it is there",
			  names[side_of(at)], value->text);
	return err;
}

int exe_bind__open(struct exe_bind *b, const struct options *o)
{
	int err = 0;

	*b = (struct exe_bind){ .options = o };
	if (!exe_bind__is_asked_for(o))
		return 0;
	b->files = calloc(EXE_BIND_MAX, sizeof(b->files[0]));
	if (!b->files) {
		log__error("out of memory");
		return EX_SOFTWARE;
	}
	for (uint32_t at = 0; at < o->rule_cnt * PVM_BOUND_CNT; at++) {
		const struct filter_list *list = list_of(o, at);

		for (size_t i = 0; i < list->cnt && !err; i++)
			err = take_value(b, at, &list->values[i]);
	}
	return err;
}

int exe_bind__put(struct exe_bind *b, struct commands *c, const uint32_t *bound)
{
	for (size_t i = 0; i < b->cnt; i++)
		tell_kernel(b, c, &b->files[i]);
	commands__apply(c);
	return __atomic_load_n(bound, __ATOMIC_RELAXED) >= b->cnt ? 0 : -EIO;
}

size_t exe_bind__list(const struct exe_bind *b, struct bound_info *out, size_t max)
{
	size_t cnt = b->cnt < max ? b->cnt : max;

	for (size_t i = 0; i < cnt; i++) {
		const struct bound_file *f = &b->files[i];

		out[i] = (struct bound_info){
			.side = sides[side_of(f->at)],
			.path = f->path,
			.ino = f->is.st_ino,
			.dev = (uint32_t)(major(f->is.st_dev) << 20 | minor(f->is.st_dev)),
		};
	}
	return b->cnt;
}

/* Says what has become of a path. dropped: calls that were to be told may have been dropped until now. */
static void say(struct exe_bind *b, uint32_t at, const struct filter_value *value, const char *path,
		bool dropped, const char *what)
{
	const bool drops = b->options->rules[at / PVM_BOUND_CNT].action == RULE_DROP;

	if (value->exclude != drops)
		b->code = ERROR_EXCLUDED_REPLACED;
	else
		b->code = dropped ? ERROR_WANTED_REPLACED : ERROR_WANTED_CHANGED;
	snprintf(b->message, sizeof(b->message), "--%s: '%.200s' %s", names[side_of(at)], path,
		 what);
}

/* There is no file to be seen where one was. 1: b->message says it. */
static int miss(struct exe_bind *b, struct bound_file *f, int err)
{
	if (f->gone)
		return 0;
	f->gone = true;
	if (err == EACCES) {
		log__warn(
			"--%s: '%s' cannot be looked at by this uid: whether another file takes its "
			"place is not noticed",
			names[side_of(f->at)], f->path);
		return 0;
	}
	say(b, f->at, f->value, f->path, false,
	    "is not there any more: what runs from it goes on counting");
	return 1;
}

/* The file is the one that was bound. Whatever was done to it, it counts as before. 1: b->message says it. */
static int look_at_the_same(struct exe_bind *b, struct bound_file *f, const struct stat *now)
{
	f->gone = false;
	if (same_content(&f->is, now))
		return 0;
	f->is = *now;
	say(b, f->at, f->value, f->path, false,
	    "was changed where it is, or its owner, mode, names or times were: it goes on counting");
	return 1;
}

/* Another file is there. 1: b->message says it. */
static int bind_new(struct exe_bind *b, struct commands *c, uint32_t at,
		    const struct filter_value *value, const char *path, bool replaced)
{
	const struct bound_file *f = add(b, at, value, path);

	if (f) {
		tell_kernel(b, c, f);
		commands__apply(c);
		say(b, at, value, path, true,
		    replaced
			    ? "is another file now: it counts from now on, and what runs from the earlier one does too"
			    : "is there now: it counts from now on");
		return 1;
	}
	if (errno != ENOSPC)
		return 0;
	say(b, at, value, path, true,
	    "finds no room: the filters by program mean too many files, and new ones do not count");
	if (b->full[b->code == ERROR_WANTED_REPLACED])
		return 0;
	b->full[b->code == ERROR_WANTED_REPLACED] = true;
	return 1;
}

/* What has become of a path. 1: b->message says it. */
static int look_at(struct exe_bind *b, struct commands *c, uint32_t at,
		   const struct filter_value *value, const char *path)
{
	struct bound_file *f = find(b, at, value, path);
	const bool replaced = f;
	struct stat now;

	if (stat(path, &now))
		return f ? miss(b, f, errno) : 0;
	if (!S_ISREG(now.st_mode))
		return f ? miss(b, f, 0) : 0;
	if (f) {
		file_again(f);
		if (!f->stale && same_file(&f->is, &now))
			return look_at_the_same(b, f, &now);
		f->old = true;
		forget_old(b, c, f);
	}
	return bind_new(b, c, at, value, path, replaced);
}

static int look_at_value(struct exe_bind *b, struct commands *c, uint32_t at,
			 const struct filter_value *value)
{
	glob_t found = { 0 };
	int changed = 0;

	if (!is_pattern(value->text))
		return look_at(b, c, at, value, value->text);
	if (b->looks % GLOB_EVERY)
		return 0;
	if (!glob(value->text, 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc && !changed; i++)
			changed = look_at(b, c, at, value, found.gl_pathv[i]);
	}
	globfree(&found);
	return changed;
}

const char *exe_bind__look(struct exe_bind *b, struct commands *c, enum error_code *code)
{
	for (uint32_t at = 0; b->files && at < b->options->rule_cnt * PVM_BOUND_CNT; at++) {
		const struct filter_list *list = list_of(b->options, at);

		for (size_t i = 0; i < list->cnt; i++) {
			if (!look_at_value(b, c, at, &list->values[i]))
				continue;
			*code = b->code;
			return b->message;
		}
	}
	b->looks++;
	return NULL;
}

void exe_bind__close(struct exe_bind *b)
{
	for (size_t i = 0; i < b->cnt; i++) {
		close(b->files[i].fd);
		free(b->files[i].path);
	}
	free(b->files);
	*b = (struct exe_bind){ 0 };
}
