/* SPDX-License-Identifier: Apache-2.0 */
/* privileges - what the collector needs to start, and how it gives up all of it after attach. */
#ifndef PVM_PRIVILEGES_H
#define PVM_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct privileges {
	uid_t uid; /* whom the collector is to be after attach */
	gid_t gid;
	bool change_user; /* we run as uid 0 and become uid:gid; else we stay who we are */
	bool made_up;	  /* uid is one that nobody has */
	bool keep_cap_bpf; /* set by the caller before the drop, who tried: bpf(2) is refused without it (before 5.19) */
	char name[64]; /* the account's name, or the number in decimal where there is no account */
};

enum privilege {
	PRIVILEGE_BPF = 1,     /* CAP_BPF */
	PRIVILEGE_PERFMON = 2, /* CAP_PERFMON */
};

/* Returns which of the two are missing from the effective set (CAP_SYS_ADMIN stands for both), as bits of enum privilege.
 * effective: the whole set, or NULL. If it cannot be read, all is missing. */
unsigned privileges__missing(uint64_t *effective);
/* Returns whether we are in the initial user namespace. Elsewhere all capabilities may be held and bpf(2) still
 * refuses. */
bool privileges__in_init_user_ns(void);
/* Says on stderr which of CAP_BPF and CAP_PERFMON is missing from the effective set (CAP_SYS_ADMIN stands for
 * both). Returns 0, or EX_NOPERM (77). */
int privileges__check(void);

/* Decides whom to become (does not change anything yet). user: the --user value (a name or a decimal uid) or
 * NULL: the account "pvmtrace" if it exists, else a uid from 61184 to 65519 that no account and no process has.
 * A program that was started as another user than 0 stays that user; --user is then an error unless it names
 * that same user. It is never uid 0, never "nobody". Returns 0; EX_USAGE (64) for an impossible --user;
 * EX_SOFTWARE (70). Says why on stderr. */
int privileges__choose(struct privileges *p, const char *user);

/* Returns whether uid is one of those that are chosen where there is no account. */
bool privileges__is_made_up(uid_t uid);
/* From now on no account is looked up, which can take calls that are not made behind bars (sandbox/): of uids that were not asked
 * for before privileges__is_made_up returns false. */
void privileges__close_accounts(void);

/* Becomes p->uid:p->gid without supplementary groups, clears ambient, inheritable, permitted and effective sets (but for
 * CAP_BPF when keep_cap_bpf), the bounding set where CAP_SETPCAP is held, sets no_new_privs and clears dumpable, and then
 * reads everything back. Returns 0, or EX_SOFTWARE (70) after a message: then the caller must not go on. */
int privileges__drop(const struct privileges *p);

#endif
