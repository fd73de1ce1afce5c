/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/types.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sysexits.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/btf.h>

#include "base/log.h"
#include "sandbox/apart.h"

#define FIRST_IDS 64 /* the kernel's own types are among the first there are */

/* libbpf looks in these places: for vmlinux, or for vmlinux-RELEASE. */
static const struct {
	const char *dir;
	bool release;
} places[] = {
	{ "/sys/kernel/btf", false },
	{ "/boot", true },
	{ "/usr/lib/debug/boot", true },
};

enum holds { HOLDS_KERNELS, HOLDS_NONE, HOLDS_OTHERS };

static bool is_kernels(const struct btf *btf)
{
	return btf__find_by_name_kind(btf, "task_struct", BTF_KIND_STRUCT) > 0 &&
	       btf__find_by_name_kind(btf, "btf_trace_sys_enter", BTF_KIND_TYPEDEF) > 0;
}

/* Returns the types of this id, if they are the kernel's own and not a module's or a program's. */
static struct btf *if_own(uint32_t id)
{
	char name[16] = "";
	struct bpf_btf_info info = { .name = (uintptr_t)name, .name_len = sizeof(name) };
	uint32_t len = sizeof(info);
	int fd = bpf_btf_get_fd_by_id(id), err;

	if (fd < 0)
		return NULL;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (err || !info.kernel_btf || strcmp(name, "vmlinux") != 0)
		return NULL;
	return btf__load_from_kernel_by_id(id);
}

/* Asks the kernel for its own types: before 5.11 it does not give them, and without CAP_SYS_ADMIN never. */
static struct btf *ask_kernel(void)
{
	struct btf *own = NULL;
	uint32_t id = 0;

	for (int i = 0; !own && i < FIRST_IDS && !bpf_btf_get_next_id(id, &id); i++)
		own = if_own(id);
	return own;
}

static bool same(const struct btf *a, const struct btf *b)
{
	uint32_t a_sz, b_sz;
	const void *a_raw = btf__raw_data(a, &a_sz), *b_raw = btf__raw_data(b, &b_sz);

	return a_raw && b_raw && a_sz == b_sz && !memcmp(a_raw, b_raw, a_sz);
}

static int check_file(const char *file, const struct btf *btf, enum kernel_types *what)
{
	struct btf *own;
	int err = 0;

	own = btf__parse_raw(KERNEL_TYPES_PATH);
	if (!own)
		own = ask_kernel();
	*what = own ? KERNEL_TYPES_SAME : KERNEL_TYPES_UNKNOWN;
	if (own && !same(own, btf)) {
		log__error("--btf: '%s' holds the types of another kernel than the running one",
			   file);
		err = EX_USAGE;
	}
	btf__free(own);
	return err;
}

/* Something else may have been put over the file, even one of no length. Returns 0 or -errno. */
static int look_at(const char *file)
{
	uint16_t magic = 0;
	int fd = open(file, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (read(fd, &magic, sizeof(magic)) < 0)
		err = -errno;
	else if (magic != BTF_MAGIC)
		err = -ENODATA;
	close(fd);
	return err;
}

/* It is done once by a process that may do nothing but read, before one does it that has them: libbpf takes the types only while it
 * loads. */
static int parse(const char *file)
{
	struct btf *btf = btf__parse(file, NULL);

	return !btf ? HOLDS_NONE : is_kernels(btf) ? HOLDS_KERNELS : HOLDS_OTHERS;
}

static int parse_apart(const char *file)
{
	switch (sandbox__apart(file, parse)) {
	case HOLDS_KERNELS:
		return 0;
	case HOLDS_NONE:
		log__error("--btf: '%s' holds no BTF", file);
		break;
	case HOLDS_OTHERS:
		log__error("--btf: '%s' holds no types of a kernel", file);
		break;
	default:
		log__error(
			"--btf: '%s' is not read: a process that tried to did not come to its end",
			file);
	}
	return EX_USAGE;
}

int kernel_types__check(const char *file, enum kernel_types *what)
{
	struct btf *btf;
	int err;

	*what = KERNEL_TYPES_OWN;
	if (!file) {
		err = look_at(KERNEL_TYPES_PATH);
		if (!err)
			return 0;
		log__error(
			"%s: %s: this kernel shows no BTF (CONFIG_DEBUG_INFO_BTF), without which "
			"pvmtrace cannot find its way in it; --btf takes a copy of it",
			KERNEL_TYPES_PATH, strerror(-err));
		return EX_UNAVAILABLE;
	}
	if (access(file, R_OK)) {
		log__error("--btf: '%s' cannot be read: %s", file, strerror(errno));
		return EX_USAGE;
	}
	err = parse_apart(file);
	if (err)
		return err;
	btf = btf__parse(file, NULL);
	if (!btf) {
		log__error("--btf: '%s' holds no BTF", file);
		return EX_USAGE;
	}
	err = check_file(file, btf, what);
	btf__free(btf);
	return err;
}

struct btf *kernel_types__load(const char *file)
{
	return file ? btf__parse(file, NULL) : btf__load_vmlinux_btf();
}

struct loan {
	const char *file;
	int (*fn)(void *ctx);
	void *ctx;
	int result;
};

/* Covers a directory by a file system that has nothing but a link to fd. */
static int cover(const char *dir, bool release, int fd)
{
	char target[32], path[256];
	struct utsname uts;

	if (uname(&uts) || mount("pvmtrace", dir, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return -errno;
	snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
	snprintf(path, sizeof(path), "%s/vmlinux%s%s", dir, release ? "-" : "",
		 release ? uts.release : "");
	return symlink(target, path) ? -errno : 0;
}

/* Puts the file where libbpf looks, in a mount namespace of our own. Returns 0 or -errno. */
static int show(int fd)
{
	int err = -ENOENT;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	for (size_t i = 0; err == -ENOENT && i < sizeof(places) / sizeof(places[0]); i++)
		err = cover(places[i].dir, places[i].release, fd);
	return err;
}

static void *run_loan(void *arg)
{
	struct loan *loan = arg;
	int fd = open(loan->file, O_RDONLY | O_CLOEXEC), err;

	err = fd < 0 ? -errno : show(fd);
	if (err) {
		log__error("--btf: '%s' cannot be put where libbpf looks for it: %s%s", loan->file,
			   strerror(-err),
			   err == -EPERM ? ": that needs CAP_SYS_ADMIN where " KERNEL_TYPES_PATH
					   " cannot be read"
					 : "");
		loan->result = err == -EPERM ? EX_NOPERM : EX_UNAVAILABLE;
	} else {
		loan->result = loan->fn(loan->ctx);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* A thread can leave the mounts, the root and the working directory of the process to the others. */
int kernel_types__lend(const char *file, int (*fn)(void *ctx), void *ctx)
{
	struct loan loan = { .file = file, .fn = fn, .ctx = ctx };
	struct btf *own;
	pthread_t thread;
	int err;

	own = file ? btf__parse_raw(KERNEL_TYPES_PATH) : NULL;
	btf__free(own);
	if (!file || own)
		return fn(ctx);
	err = pthread_create(&thread, NULL, run_loan, &loan);
	if (err) {
		log__error("--btf: no thread for it: %s", strerror(err));
		return EX_SOFTWARE;
	}
	pthread_join(thread, NULL);
	return loan.result;
}
