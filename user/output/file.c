/* SPDX-License-Identifier: Apache-2.0 */
#include "output/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel/privileges.h"
#include "output/acl.h"

#define OPEN_TRIES 8
#define OPEN_FLAGS (O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* This is one that is being opened. */
struct opening {
	struct place place;
	const char *path;
	const struct owner *owner;
	unsigned int allow;
	bool linked; /* a symbolic link led there */
	char *why;
};

/* Creates the file if there is none, but never at the end of a link. */
static int open_or_create(struct opening *o, struct output_file *out)
{
	const struct place *p = &o->place;
	int fd = -1;

	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = openat(p->dir_fd, p->name, OPEN_FLAGS | O_NOFOLLOW);
		if (fd >= 0 || errno != ENOENT || o->linked)
			break;
		/* It is nobody else's at first, whatever list the directory gives it. */
		fd = openat(p->dir_fd, p->name, OPEN_FLAGS | O_CREAT | O_EXCL, 0600);
		out->created = fd >= 0;
		if (fd >= 0 || errno != EEXIST)
			break;
	}
	return fd < 0 ? -errno : fd;
}

static int open_name(struct opening *o, struct output_file *out)
{
	int fd, err;

	while ((fd = open_or_create(o, out)) == -ELOOP && o->allow & OUTPUT_LINKS) {
		o->linked = true;
		err = place__follow(&o->place);
		if (err == -EXDEV) {
			out->given = true;
			fd = openat(o->place.dir_fd, o->place.name, OPEN_FLAGS);
			return fd < 0 ? -errno : fd;
		}
		if (err)
			return err;
	}
	return fd;
}

static int judge_fifo(const struct opening *o, int fd, const struct stat *st)
{
	if (o->allow & OUTPUT_FIFOS || !(o->place.shared || place__others_write(o->owner, fd, st)))
		return 0;
	snprintf(
		o->why, WHY_SZ,
		"a named pipe that others than root or we may have put there or may write to (owner "
		"uid %u, mode %04o): --allow-fifo if it is to be used",
		st->st_uid, st->st_mode & 07777);
	return -EPERM;
}

/* Returns whether it is what an earlier run gave to a uid that was made up for it; where everybody may make files, it could
 * as well be a service's of such a uid. */
static bool is_left_over(const struct opening *o, const struct stat *st)
{
	struct stat dir;

	return privileges__is_made_up(st->st_uid) && !fstat(o->place.dir_fd, &dir) &&
	       !(dir.st_mode & (S_IWGRP | S_IWOTH));
}

static int judge_file(const struct opening *o, int fd, const struct stat *st)
{
	uid_t uid = o->owner->uid == (uid_t)-1 ? geteuid() : o->owner->uid;
	struct stat as_ours = *st;
	char who[48];

	if (st->st_uid != uid && (o->linked || st->st_nlink > 1)) {
		snprintf(o->why, WHY_SZ,
			 "%s is a link to a file of uid %u: name that file, or remove the link",
			 o->path, st->st_uid);
		return -EMLINK;
	}
	if (o->place.shared && st->st_nlink > 1) {
		snprintf(o->why, WHY_SZ, "it has %lu names, and others may have given it one",
			 (unsigned long)st->st_nlink);
		return -EMLINK;
	}
	if (!owner__is_ours(o->owner, st->st_uid) && !is_left_over(o, st)) {
		snprintf(
			o->why, WHY_SZ,
			"it belongs to uid %u, who may write and read it: remove it, or give it to "
			"root or uid %u",
			st->st_uid, uid);
		return -EPERM;
	}
	if (acl__lets_others(o->owner, fd, who, sizeof(who))) {
		snprintf(o->why, WHY_SZ,
			 "its access control list lets %s: see what it holds and take the list "
			 "from it (setfacl -b), or remove it",
			 who);
		return -EPERM;
	}
	as_ours.st_uid = uid;
	if (place__others_write(o->owner, fd, &as_ours)) {
		snprintf(o->why, WHY_SZ,
			 "others may write to it (mode %04o, gid %u): remove it, or see what it "
			 "holds and chmod it to 0640",
			 st->st_mode & 07777, st->st_gid);
		return -EPERM;
	}
	return 0;
}

/* Sets mode and owner of a regular file that was accepted. */
static void hand_over(const struct opening *o, const struct output_file *out, const struct stat *st)
{
	mode_t mode = out->created ? OUTPUT_FILE_MODE : st->st_mode & OUTPUT_FILE_MODE;
	const struct owner *to = o->owner;
	bool roots = !out->created && st->st_uid == 0;

	if ((st->st_mode & 07777) != mode && fchmod(out->fd, mode))
		log__warn("cannot set the mode of %s: %s", o->path, strerror(errno));
	if (to->uid == (uid_t)-1 ||
	    (st->st_uid == to->uid && (to->gid == (gid_t)-1 || st->st_gid == to->gid)))
		return;
	if (roots && to->made_up) {
		log__warn(
			"%s is root's and stays root's: it is not given to uid %u, which was made up "
			"for this run; to let SIGHUP open it again, name an account with --user",
			o->path, to->uid);
		return;
	}
	if (fchown(out->fd, to->uid, to->gid))
		log__warn("cannot give %s to uid %u: %s", o->path, to->uid, strerror(errno));
	else if (roots)
		log__warn("%s was root's (mode %04o): given to uid %u, which writes it", o->path,
			  st->st_mode & 07777, to->uid);
}

static int judge(const struct opening *o, const struct output_file *out)
{
	struct stat st;
	int err = 0;

	if (fstat(out->fd, &st))
		return -errno;
	if (S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode))
		return -EINVAL;
	if (out->given)
		return 0;
	if (S_ISFIFO(st.st_mode))
		err = judge_fifo(o, out->fd, &st);
	if (!S_ISREG(st.st_mode))
		return err;
	/* Its directory's default list is none of ours. */
	err = out->created ? acl__remove(out->fd) : 0;
	if (!err)
		err = judge_file(o, out->fd, &st);
	if (!err)
		hand_over(o, out, &st);
	return err;
}

/* open(2) says ENXIO of a named pipe without a reader, of each socket, and of a device that nothing serves. */
static void explain_enxio(const struct opening *o)
{
	struct stat st = { 0 };

	(void)fstatat(o->place.dir_fd, o->place.name, &st, 0);
	if (S_ISSOCK(st.st_mode))
		snprintf(o->why, WHY_SZ,
			 "a socket, which no name opens: connect to it, and give it as stdout (-)");
	else if (S_ISFIFO(st.st_mode))
		snprintf(o->why, WHY_SZ, "nobody has it open for reading");
	else
		snprintf(o->why, WHY_SZ, "%s", strerror(ENXIO));
}

static void explain(const struct opening *o, int err)
{
	if (*o->why)
		return;
	if (err == -ENXIO)
		explain_enxio(o);
	else if (err == -ELOOP)
		snprintf(o->why, WHY_SZ, "a symbolic link%s: name the place that it leads to",
			 o->allow & OUTPUT_LINKS ? ", and others may have put it there" : "");
	else
		snprintf(o->why, WHY_SZ, "%s", strerror(-err));
}

int output_file__open(struct output_file *out, const char *path, const struct owner *owner,
		      unsigned int allow, char why[WHY_SZ])
{
	struct opening o = { .path = path, .owner = owner, .allow = allow, .why = why };
	int err;

	*why = '\0';
	*out = (struct output_file){ .fd = -1 };
	err = place__find(&o.place, path, owner);
	if (!err) {
		out->fd = open_name(&o, out);
		err = out->fd < 0 ? out->fd : judge(&o, out);
	}
	if (err && out->fd >= 0)
		close(out->fd);
	if (err)
		explain(&o, err);
	place__leave(&o.place);
	return err;
}
