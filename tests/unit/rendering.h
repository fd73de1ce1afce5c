/* SPDX-License-Identifier: Apache-2.0 */
/* rendering - a record to render, and the line read back, for the tests of the renderings. */
#ifndef PVM_RENDERING_H
#define PVM_RENDERING_H

#include <jansson.h>

#include "fixture.h"
#include "render/render.h"

#define START_NS 1795289291123456789ULL /* 2026-11-21T19:28:11.123456789Z */
/* It has a run's 16 digits, the thread's 8 and the entry's 16. */
#define CALL_ID_MAX (16 + 1 + 8 + 1 + 16)
#define TOLD_NS (START_NS + 500000000)
#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* The lines of the tests begin and end so. */
#define HEAD(type)                                                                                \
	"{\"time\":\"2026-11-21T19:28:11.123456789Z\",\"schema\":\"pvmtrace/1\",\"type\":\"" type \
	"\",\"seq\":12,\"told\":\"2026-11-21T19:28:11.623456789Z\",\"run\":\"" FIXTURE_RUN_ID     \
	"\","
/* This is the id of a record that is no call. */
#define OWN_ID "\"id\":\"" FIXTURE_RUN_ID "-s12\","
#define HOST_JSON                                                                          \
	"\"host\":{\"name\":\"web1\",\"machine_id\":\"0123456789abcdef0123456789abcdef\"," \
	"\"boot_id\":\"" FIXTURE_BOOT_ID "\"}}"

/* A rule with the longest name that one can have. */
extern const struct rule rendering_rule;

/* This is a decoded call and what it points to. */
struct sample {
	struct record r;
	struct iov_elem iov[4][PVM_IOV_MAX];		/* [local, remote, their exits] */
	char exe[3][5000], cgroup[2][5000], args[5000]; /* the third: of the memory's owner */
	struct fixture_call f;
	struct pvm_pins pins;
	uint8_t moved[PVM_DATA_MAX];
	struct pvm_task owner;
	struct region_info regions[2][PVM_REGIONS_MAX + 1]; /* at entry, at exit */
	struct pvm_region region[2][PVM_REGIONS_MAX + 1];
	char mapped[5000]; /* of all of them */
};

/* Makes what decode makes of fixture__call, with all of the identity known. It is to be given to free(). */
struct sample *sample__new(void);

/* Sets every key of the relation that is true, false or null. */
void rendering__set_relation(struct sample *s, enum tristate value);

/* Makes the target one that works in the memory of victim(99). */
void sample__borrow(struct sample *s);

/* Makes it known what lies at its element: the heap. More of the kind are there to be made others, 65 at entry and at exit. */
void sample__map(struct sample *s);

/* Makes the same with long lists, another one at exit, names that need their hex, and a rule. */
struct sample *sample__long(void);

/* Makes the same call one of seven that are told together (REC_SUMMARY). Its identities can be changed before and after. */
void sample__summarise(struct sample *s);

/* This is the last line. */
extern struct json rendering;
extern const struct render_opts rendering_defaults;

/* This is for cmocka_run_group_tests. */
int rendering__teardown(void **state);

/* Renders to `rendering`, with the one renderer of that format. */
void render_in(enum record_format format, const struct record *r, const struct render_opts *o);
/* Renders to a line within its bounds, and returns it as jansson, the strictest of readers,
 * understands it. */
json_t *rendering__line(const struct record *r, const struct render_opts *o);
/* Does the same in another format. */
json_t *rendering__line_in(enum record_format format, const struct record *r,
			   const struct render_opts *o);
/* Expects the last line to be this one. */
void rendering__expect(const char *expected);

/* Returns whether part is the beginning and the end of whole, with mark where the rest was. */
bool text__is_shortened(const char *whole, size_t whole_len, const char *part, const char *mark);
#define CUT_MARK "[...]"
#define CUT_MARK_HEX "5b2e2e2e5d"

/* Returns line.object.key, or NULL. */
json_t *line__at(const json_t *line, const char *object, const char *key);
/* Expects the keys of an object to be these, in this order: "a b c". */
void line__keys(const json_t *object, const char *expected);
/* Returns whether `truncated` has name, or object.key. */
bool line__cuts(const json_t *line, const char *name);
bool line__cuts_in(const json_t *line, const char *object, const char *key);

#endif
