/* SPDX-License-Identifier: Apache-2.0 */
/* These test what others put where an output is to be, or on the way there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "capture.h"
#include "child.h"
#include "output/file.h"
#include "scratch.h"

#define MALLORY 4321
#define US 61234
#define EARLIER 61235 /* made up for an earlier run */

static const struct owner us = { US, US, true };
static const struct owner account = { US, US, false };
static char said[CAPTURE_SZ], why[WHY_SZ];

/* Returns the result; what is open is closed. */
static int try(const char *path, const struct owner *owner, unsigned int allow)
{
	struct output_file out;
	struct capture capture;
	int err;

	capture__start(&capture, STDERR_FILENO);
	err = output_file__open(&out, path, owner, allow, why);
	capture__end(&capture, said);
	assert_true(err ? *why != 0 : !*why);
	if (!err)
		close(out.fd);
	return err;
}

static void make_file(const char *name, uid_t uid, mode_t mode)
{
	write_file(name, "x\n");
	assert_int_equal(chown(name, uid, uid), 0);
	assert_int_equal(chmod(name, mode), 0);
}

/* Expects mode and owner. */
static void expect(const char *name, uid_t uid, mode_t mode)
{
	struct stat st;

	assert_int_equal(lstat(name, &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_mode & 07777, mode);
}

static int on_dir(void **state)
{
	return geteuid() ? 0 : scratch__setup(state);
}

static int off_dir(void **state)
{
	return geteuid() ? 0 : scratch__teardown(state);
}

static void require_root(void)
{
	if (geteuid())
		skip_for("root");
}

static void files_of_others(void **state)
{
	static const mode_t dirs[] = { 0755, 0777, 01777 };

	(void)state;
	require_root();
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		assert_int_equal(chmod(".", dirs[i]), 0);
		make_file("out", MALLORY, 0640);
		assert_int_equal(try("out", &us, OUTPUT_LINKS | OUTPUT_FIFOS), -EPERM);
		assert_non_null(strstr(why, "uid 4321"));
		expect("out", MALLORY, 0640);
		expect_file("out", "x\n");
		assert_int_equal(unlink("out"), 0);
		/* The file is root's or our own, but open to others. */
		make_file("out", 0, 0646);
		assert_int_equal(try("out", &us, 0), -EPERM);
		make_file("out", US, 0662);
		assert_int_equal(try("out", &us, 0), -EPERM);
		assert_non_null(strstr(why, "0662"));
		assert_int_equal(chown("out", US, MALLORY), 0);
		assert_int_equal(chmod("out", 0660), 0);
		assert_int_equal(try("out", &us, 0), -EPERM);
		assert_int_equal(unlink("out"), 0);
		/* The file is of an earlier run. */
		make_file("out", EARLIER, 0644);
		assert_int_equal(try("out", &us, 0), dirs[i] & 2 ? -EPERM : 0);
		expect("out", dirs[i] & 2 ? EARLIER : US, dirs[i] & 2 ? 0644 : 0640);
		assert_int_equal(unlink("out"), 0);
		assert_int_equal(try("out", &us, 0), 0);
		expect("out", US, 0640);
		assert_int_equal(unlink("out"), 0);
	}
}

static void files_of_roots(void **state)
{
	(void)state;
	require_root();
	make_file("out", 0, 0600);
	assert_int_equal(try("out", &us, 0), 0);
	assert_non_null(strstr(said, "stays root's"));
	expect("out", 0, 0600);
	make_file("out", 0, 0644);
	assert_int_equal(try("out", &us, 0), 0);
	expect("out", 0, 0640);
	/* An account is a user's own choice, but he is told. */
	make_file("out", 0, 0600);
	assert_int_equal(try("out", &account, 0), 0);
	assert_non_null(strstr(said, "mode 0600"));
	expect("out", US, 0600);
	assert_int_equal(try("out", &account, 0), 0);
	assert_string_equal(said, "");
}

static void links(void **state)
{
	char path[64];

	(void)state;
	require_root();
	assert_int_equal(mkdir("other", 0755), 0);
	/* A link is on the way: root's may lead anywhere, another one's where only root could put it. */
	assert_int_equal(chmod(".", 01777), 0);
	snprintf(path, sizeof(path), "%s/link/out.1", scratch);
	assert_int_equal(symlink("other", "link"), 0);
	assert_int_equal(try(path, &us, OUTPUT_LINKS), 0);
	expect("other/out.1", US, 0640);
	assert_int_equal(unlink("other/out.1"), 0);
	assert_int_equal(lchown("link", MALLORY, MALLORY), 0);
	assert_int_equal(try(path, &us, OUTPUT_LINKS), -ELOOP);
	assert_int_equal(try("link/out.1", &us, OUTPUT_LINKS), -ELOOP);
	assert_int_equal(access("other/out.1", F_OK), -1);
	assert_int_equal(chmod(".", 0755), 0);
	assert_int_equal(try("./link//../other/./out.1", &us, OUTPUT_LINKS), 0);
	assert_int_equal(unlink("other/out.1"), 0);
	assert_int_equal(unlink("link"), 0);
	/* A link is the last name: it is never followed where others may write. */
	make_file("other/out.1", US, 0640);
	assert_int_equal(symlink("other/out.1", "link"), 0);
	assert_int_equal(try("link", &us, 0), -ELOOP);
	assert_int_equal(try("link", &us, OUTPUT_LINKS), 0);
	assert_int_equal(chmod(".", 0777), 0);
	assert_int_equal(try("link", &us, OUTPUT_LINKS), -ELOOP);
	/* It is a second name for a file: of another's it is never taken, of our own where only we could make
	 * it. */
	assert_int_equal(unlink("link"), 0);
	assert_int_equal(link("other/out.1", "out"), 0);
	assert_int_equal(try("out", &us, 0), -EMLINK);
	assert_int_equal(chmod(".", 0755), 0);
	assert_int_equal(try("out", &us, 0), 0);
	assert_int_equal(chown("out", 0, 0), 0);
	assert_int_equal(try("out", &us, 0), -EMLINK);
	assert_int_equal(unlink("other/out.1"), 0);
	assert_int_equal(rmdir("other"), 0);
	/* The links are in a circle. */
	assert_int_equal(symlink("link", "link"), 0);
	assert_int_equal(try("link", &us, OUTPUT_LINKS), -ELOOP);
	assert_int_equal(try("link/out", &us, OUTPUT_LINKS), -ELOOP);
}

static void pipes(void **state)
{
	int in;

	(void)state;
	require_root();
	assert_int_equal(mkfifo("out", 0600), 0);
	assert_int_equal(try("out", &us, 0), -ENXIO);
	assert_non_null(strstr(why, "for reading"));
	in = open("out", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(try("out", &us, 0), 0);
	expect("out", 0, 0600);
	assert_int_equal(chmod("out", 0622), 0);
	assert_int_equal(try("out", &us, 0), -EPERM);
	assert_non_null(strstr(why, "--allow-fifo"));
	assert_int_equal(try("out", &us, OUTPUT_FIFOS), 0);
	assert_int_equal(chmod("out", 0600), 0);
	assert_int_equal(chown("out", MALLORY, MALLORY), 0);
	assert_int_equal(try("out", &us, 0), -EPERM);
	assert_int_equal(try("out", &us, OUTPUT_FIFOS), 0);
	assert_int_equal(chown("out", 0, 0), 0);
	assert_int_equal(chmod(".", 01777), 0);
	assert_int_equal(try("out", &us, 0), -EPERM);
	close(in);
}

/* They are found named, by a link, and as what is open already. */
static void sockets(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "socket" };
	char name[32];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	require_root();
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(symlink("socket", "link"), 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	for (const char *const *path = (const char *const[]){ "socket", "link", name, NULL }; *path;
	     path++) {
		assert_int_equal(try(*path, &us, OUTPUT_LINKS | OUTPUT_FIFOS), -ENXIO);
		assert_non_null(strstr(why, "a socket"));
		assert_non_null(strstr(why, "stdout"));
		assert_null(strstr(why, "for reading"));
	}
	close(fd);
}

/* What whoever starts us has opened is his own choice. */
static void names_of_descriptors(void **state)
{
	char name[32];
	int fd;

	(void)state;
	require_root();
	make_file("out", MALLORY, 0666);
	fd = open("out", O_WRONLY | O_CLOEXEC);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	assert_int_equal(try(name, &us, OUTPUT_LINKS), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	assert_int_equal(try(name, &us, OUTPUT_LINKS), 0);
	expect("out", MALLORY, 0666);
	close(fd);
	assert_int_equal(try("/dev/null", &us, OUTPUT_LINKS), 0);
	/* A link that others made does not. */
	assert_int_equal(chmod(".", 01777), 0);
	assert_int_equal(symlink("/proc/self/fd/1", "link"), 0);
	assert_int_equal(lchown("link", MALLORY, MALLORY), 0);
	assert_int_equal(try("link", &us, OUTPUT_LINKS), -ELOOP);
}

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

/* Sets a list as setfacl makes it: the owner all, the group what it may read, this entry, others nothing. */
static void set_acl(const char *name, const char *attribute, uint16_t tag, uint32_t id,
		    uint16_t may, uint16_t mask)
{
	struct {
		struct posix_acl_xattr_header header;
		struct posix_acl_xattr_entry entries[5];
	} acl = { .header.a_version = htole32(POSIX_ACL_XATTR_VERSION),
		  .entries = {
			  { ACL_USER_OBJ, ACL_READ | ACL_WRITE | ACL_EXECUTE, ACL_UNDEFINED_ID },
			  { ACL_GROUP_OBJ, ACL_READ, ACL_UNDEFINED_ID },
			  { tag, may, id },
			  { ACL_MASK, mask, ACL_UNDEFINED_ID },
			  { ACL_OTHER, 0, ACL_UNDEFINED_ID } } };

	if (tag == ACL_USER) {
		struct posix_acl_xattr_entry named = acl.entries[2];

		acl.entries[2] = acl.entries[1];
		acl.entries[1] = named;
	}
	for (size_t i = 0; i < 5; i++) {
		acl.entries[i].e_tag = htole16(acl.entries[i].e_tag);
		acl.entries[i].e_perm = htole16(acl.entries[i].e_perm);
		acl.entries[i].e_id = htole32(acl.entries[i].e_id);
	}
	if (!setxattr(name, attribute, &acl, sizeof(acl), 0))
		return;
	assert_int_equal(errno, EOPNOTSUPP);
	skip_for("a file system with access control lists");
}

/* What a directory gives to each new file is not what was asked for. */
static void default_lists(void **state)
{
	(void)state;
	require_root();
	set_acl(".", DEFAULT, ACL_USER, MALLORY, 7, 7);
	assert_int_equal(try("out", &us, 0), 0);
	expect("out", US, 0640);
	assert_int_equal(getxattr("out", ACCESS, NULL, 0), -1);
	assert_int_equal(errno, ENODATA);
	assert_int_equal(try("out", &us, 0), 0);
}

/* The group's bits of a mode do not say who is meant. */
static void lists_of_files(void **state)
{
	static const struct {
		uint16_t tag;
		uint32_t id;
		uint16_t may, mask;
		const char *has; /* NULL: taken */
	} cases[] = {
		{ ACL_USER, MALLORY, 4, 4, "user 4321 read it" },
		{ ACL_USER, MALLORY, 6, 6, "user 4321 write to it" },
		{ ACL_USER, MALLORY, 6, 4, "user 4321 read it" },
		{ ACL_GROUP, MALLORY, 4, 4, "group 4321 read it" },
		{ ACL_GROUP, MALLORY, 2, 2, "group 4321 write to it" },
		{ ACL_USER, MALLORY, 4, 0, NULL },
		{ ACL_USER, MALLORY, 1, 5, NULL },
		{ ACL_USER, US, 4, 4, NULL },
		{ ACL_GROUP, US, 4, 4, NULL },
		{ ACL_USER, 0, 4, 4, NULL },
	};

	(void)state;
	require_root();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err;

		make_file("out", US, 0640);
		set_acl("out", ACCESS, cases[i].tag, cases[i].id, cases[i].may, cases[i].mask);
		err = try("out", &us, 0);
		if (err != (cases[i].has ? -EPERM : 0) ||
		    (cases[i].has && !strstr(why, cases[i].has)))
			fail_msg("case %zu: %d, %s", i, err, why);
		expect_file("out", "x\n");
		assert_int_equal(unlink("out"), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ON_DIR(test) cmocka_unit_test_setup_teardown(test, on_dir, off_dir)
		ON_DIR(files_of_others),
		ON_DIR(files_of_roots),
		ON_DIR(links),
		ON_DIR(pipes),
		ON_DIR(names_of_descriptors),
		ON_DIR(default_lists),
		ON_DIR(lists_of_files),
		ON_DIR(sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
