/* SPDX-License-Identifier: Apache-2.0 */
/* pvmfault - preloaded, it has calls of a process fail. $PVMFAULT is KIND, and says on stderr from where such calls are made, each
 * place once, by the number that its first call has among all of that kind; or KIND:N:ERRNO, and that call fails; with ERRNO 0 it
 * does half of what it was to do, if it writes. KINDs are the headings below. A place is the last $PVMFAULT_DEPTH callers (8). With
 * $PVMFAULT_CHILD it is about the children that it forks instead. */
/* Of the C library's own names for parameters none can be used here, and mmap(2) returns a pointer as a number. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,performance-no-int-to-ptr) */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEPTH 8	  /* callers that make up a place, at most */
#define SKIPPED 3 /* of a backtrace: this file's own */
#define PLACES 8192U

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t cnt, size_t size);
void *__libc_realloc(void *old, size_t size);

static const char *kind;
static unsigned long wanted, seen;
static int fault_errno, depth = DEPTH;
static bool inside, in_children, is_child;
static uint64_t places[PLACES];

/* By the system call: what stdio does is no call of the process's own here. */
static void say(const char *text)
{
	syscall(SYS_write, STDERR_FILENO, text, strlen(text));
}

static void note_child(void)
{
	is_child = true;
	seen = 0;
}

__attribute__((constructor)) static void begin(void)
{
	static char text[64];
	const char *chosen = getenv("PVMFAULT");
	void *frames[2];
	char *rest;

	if (!chosen || strlen(chosen) >= sizeof(text))
		_exit(99);
	snprintf(text, sizeof(text), "%s", chosen);
	backtrace(frames, 2); /* its first call allocates */
	rest = strchr(text, ':');
	if (rest) {
		*rest = '\0';
		wanted = strtoul(rest + 1, &rest, 10);
		fault_errno = *rest ? (int)strtol(rest + 1, NULL, 10) : 0;
	}
	chosen = getenv("PVMFAULT_DEPTH");
	if (chosen)
		depth = (int)strtol(chosen, NULL, 10);
	if (depth < 1 || depth > DEPTH)
		_exit(99);
	in_children = getenv("PVMFAULT_CHILD") != NULL;
	pthread_atfork(NULL, NULL, note_child);
	kind = text;
}

/* Whether nobody has called from there so far. */
static bool is_new(void *const *frames, int cnt)
{
	uint64_t hash = 1469598103934665603ULL;

	for (int i = SKIPPED; i < cnt; i++)
		hash = (hash ^ (uintptr_t)frames[i]) * 1099511628211ULL;
	for (unsigned int i = 0; i < PLACES; i++) {
		uint64_t *place = &places[(hash + i) % PLACES];

		if (*place == hash)
			return false;
		if (!*place) {
			*place = hash;
			return true;
		}
	}
	return false;
}

/* As addr2line takes it. */
static void say_where(void *at)
{
	char line[256];
	Dl_info info;

	if (!dladdr(at, &info) || !info.dli_fname)
		return;
	snprintf(line, sizeof(line), "pvmfault: at %s %s+0x%lx\n", info.dli_fname,
		 info.dli_sname ? info.dli_sname : "",
		 (unsigned long)((uintptr_t)at - (uintptr_t)info.dli_fbase));
	say(line);
}

/* Whether this call is to fail. */
__attribute__((noinline)) static bool fails(const char *what)
{
	void *frames[DEPTH + SKIPPED];
	bool fault = false;
	char line[64];
	int cnt;

	if (inside || !kind || is_child != in_children || strcmp(kind, what) != 0)
		return false;
	inside = true;
	seen++;
	if (!wanted) {
		cnt = backtrace(frames, depth + SKIPPED);
		if (is_new(frames, cnt)) {
			snprintf(line, sizeof(line), "pvmfault: place %lu\n", seen);
			say(line);
		}
	} else if (seen == wanted) {
		fault = true;
		say("pvmfault: now\n");
		cnt = backtrace(frames, DEPTH + SKIPPED);
		for (int i = SKIPPED - 1; i < cnt; i++)
			say_where(frames[i]);
	}
	inside = false;
	if (fault)
		errno = fault_errno;
	return fault;
}

/* ---- alloc ------------------------------------------------------------------------------------ */

void *malloc(size_t size)
{
	return fails("alloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t cnt, size_t size)
{
	return fails("alloc") ? NULL : __libc_calloc(cnt, size);
}

void *realloc(void *old, size_t size)
{
	return fails("alloc") ? NULL : __libc_realloc(old, size);
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return fails("alloc") ? MAP_FAILED
			      : (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, off);
}

/* ---- write: what puts bytes into files ------------------------------------------------------------ */

ssize_t write(int fd, const void *buf, size_t len)
{
	if (fails("write")) {
		if (fault_errno)
			return -1;
		len = (len + 1) / 2;
	}
	return syscall(SYS_write, fd, buf, len);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	if (fails("write")) {
		if (fault_errno)
			return -1;
		len = (len + 1) / 2;
	}
	return syscall(SYS_pwrite64, fd, buf, len, off);
}

/* ---- file: what else is done with files ----------------------------------------------------------- */

int open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return fails("file") ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return fails("file") ? -1 : (int)syscall(SYS_openat, dir, path, flags, mode);
}

int renameat(int old_dir, const char *old, int new_dir, const char *new)
{
	return fails("file") ? -1 : (int)syscall(SYS_renameat2, old_dir, old, new_dir, new, 0);
}

int unlinkat(int dir, const char *path, int flags)
{
	return fails("file") ? -1 : (int)syscall(SYS_unlinkat, dir, path, flags);
}

int ftruncate(int fd, off_t len)
{
	return fails("file") ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
	return fails("file") ? -1 : (int)syscall(SYS_fallocate, fd, mode, off, len);
}

int fchmod(int fd, mode_t mode)
{
	return fails("file") ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int fchown(int fd, uid_t uid, gid_t gid)
{
	return fails("file") ? -1 : (int)syscall(SYS_fchown, fd, uid, gid);
}

/* ---- bpf: of libbpf, too ---------------------------------------------------------------------------- */

long syscall(long nr, ...)
{
	static long (*next)(long, ...);
	long a[6];
	va_list args;

	va_start(args, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (nr == SYS_bpf && fails("bpf"))
		return -1;
	if (!next)
		next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	return next(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name,performance-no-int-to-ptr) */
