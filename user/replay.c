/* SPDX-License-Identifier: Apache-2.0 */
#include "replay.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "bpf/rules.h"
#include "collector.h"
#include "from_recording.h"
#include "kernel/privileges.h"
#include "output/recording.h"
#include "report.h"
#include "sandbox/sandbox.h"
#include "to_lines.h"

/* A reader may be slow for as long as it likes: nothing is lost meanwhile. */
#define WAIT_MS 1000

struct replay {
	struct recording *recording;
	struct from_recording from;
	struct collector collector;
	struct to_lines lines;
	struct report report;
	struct sandbox sandbox;
	bool stopped; /* the recording's own end was told */
	char note[2][256];
};

static void put_notes(struct replay *r, const struct recording_header *header)
{
	snprintf(r->note[0], sizeof(r->note[0]), "replayed from a recording of pvmtrace %s on %s",
		 header->program, header->host.name);
	snprintf(r->note[1], sizeof(r->note[1]), "recorded with: %s", header->command);
	report__note(&r->report, r->note[0]);
	report__note(&r->report, r->note[1]);
}

/* Makes room. Returns 0, or -errno: nobody reads any more, or the file takes no more. To begin anew loses
 * nothing. */
static int make_room(struct sink *sink)
{
	int err = 0;

	while (!sink__reserve(sink)) {
		err = sink__drain(sink, WAIT_MS);
		if (err && err != -EAGAIN)
			return err;
	}
	return 0;
}

/* Says that what is right in size and checksum cannot have been written by this program all the same. */
static void say_left_out(const struct replay *r, const char *what)
{
	log__warn("--replay %s: %s (before offset %llu)", r->collector.options->replay, what,
		  recording__offset(r->recording));
}

/* Of these frames the reader knows the size (frame__fits). */
static void put_clock(struct replay *r, const void *data)
{
	struct frame_clock clock;

	memcpy(&clock, data, sizeof(clock));
	clock__add(&r->collector.clock, clock.after_ns, clock.to_real);
}

static void put_host(struct replay *r, const void *data)
{
	struct host *host = &r->collector.host;

	memcpy(host->name, data, sizeof(host->name));
	host->name[sizeof(host->name) - 1] = '\0';
}

static void put_told(struct replay *r, const void *data)
{
	memcpy(&r->from.told_ns, data, sizeof(r->from.told_ns));
}

static void put_key(struct replay *r, const void *data)
{
	struct pin_key key;

	memcpy(&key, data, sizeof(key));
	if (key.page_shift >= PVM_PAGE_SHIFT && key.page_shift <= PVM_PAGE_SHIFT_MAX)
		collector__set_key(&r->collector, &key);
	else
		say_left_out(r, "what pages were held is not compared: no host has pages of "
				"such a size");
}

#define IS_WORD(array) recording__is_word(array, sizeof(array))

/* Reason, code and signal are words that others compare: a recording that has anything else there was not written
 * by this program, and what it says of its books is not told. */
static void put_books(struct replay *r, const void *data)
{
	struct frame_books books;

	memcpy(&books, data, sizeof(books));
	if (!IS_WORD(books.text) || !IS_WORD(books.signal)) {
		say_left_out(r, "a record of the run's own is not told: its reason is no word");
		return;
	}
	books.message[sizeof(books.message) - 1] = '\0';
	r->from.last = books;
	r->stopped = books.type == REC_STOP;
	report__again(&r->report, &r->from.last);
}

static void put_frame(struct replay *r, enum frame_kind kind, const void *data, size_t size)
{
	struct collector *c = &r->collector;

	switch (kind) {
	case FRAME_CALL:
		/* The ring's callbacks do not write to the record. */
		(void)collector__on_call(c, (void *)data, size);
		break;
	case FRAME_ARRAY:
		(void)collector__on_array(c, (void *)data, size);
		break;
	case FRAME_CLOCK:
		put_clock(r, data);
		break;
	case FRAME_KEY:
		put_key(r, data);
		break;
	case FRAME_HOST:
		put_host(r, data);
		break;
	case FRAME_TOLD:
		put_told(r, data);
		break;
	case FRAME_BOOKS:
		put_books(r, data);
		break;
	}
}

/* Puts the end of a recording that has none of its own: it was cut off, damaged, or cut short by --count. What it counted is
 * known as of its last books; of the calls only those are in it that could be replayed. Nobody knows what else there was. */
static int put_end(struct replay *r, enum end_reason reason)
{
	struct frame_books *last = &r->from.last;
	const struct doubt why = { .kind = DOUBT_END, .end = reason };

	if (r->stopped)
		return 0;
	last->real_ns = r->from.told_ns = clock__real_now();
	books__of_told(&last->kernel, &last->user, &r->collector.books);
	books__doubt(&r->report.doubts, &why);
	return report__stop(&r->report, reason, NULL);
}

static int run(struct replay *r)
{
	struct collector *c = &r->collector;
	enum frame_kind kind = FRAME_CALL;
	const void *data = NULL;
	size_t size = 0;
	int err, more = 1;

	err = report__start(&r->report);
	while (!err && !c->full &&
	       (more = recording__next(r->recording, &kind, &data, &size)) > 0) {
		put_frame(r, kind, data, size);
		err = make_room(c->sink);
	}
	if (!err && !(err = make_room(c->sink)))
		put_end(r, c->full    ? END_COUNT
			   : more < 0 ? END_RECORDING_DAMAGED
				      : END_RECORDING_CUT);
	while (!err && (err = sink__drain(c->sink, WAIT_MS)) && err != -EPIPE &&
	       sink__events(c->sink))
		err = 0;
	if (err) {
		log__error(err == -EPIPE ? "the reader of the output has gone"
					 : "the output could not be written");
		return EX_IOERR;
	}
	if (!more && !r->stopped) {
		log__error(
			"--replay %s: ends without the end of its run (offset %llu): cut, or still "
			"being recorded; all before it was replayed",
			c->options->replay, recording__offset(r->recording));
		more = -ENODATA;
	}
	return more < 0 ? EX_DATAERR : 0;
}

/* Whoever made the recording is not trusted: nothing is read of it before the program is in its cage. */
static int enter_sandbox(struct replay *r, const struct options *o)
{
	const struct sink *sink = r->collector.sink;
	const struct sandbox_asked asked = { .options = o,
					     .reopens = sink__reopens(sink),
					     .output = sink__fd(sink) };
	int err = sandbox__prepare(&r->sandbox, &asked);

	privileges__close_accounts();
	return err ? err : sandbox__enter(&r->sandbox);
}

static int open_all(struct replay *r, const struct options *o)
{
	struct collector *c = &r->collector;
	const struct recording_header *header;
	const struct owner ourselves = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	int err = recording__open(&r->recording, o->replay);

	if (err ||
	    (err = to_lines__open_output(&r->lines, c, o, &ourselves, geteuid(), getegid())) ||
	    (err = enter_sandbox(r, o)) || (err = recording__begin(r->recording)))
		return err;
	header = recording__header(r->recording);
	from_recording__begin(&r->from, header);
	r->from.sandbox = r->sandbox.in_force;
	c->from = (struct source){ &from_recording, &r->from };
	if ((err = collector__open(c, o)))
		return err;
	r->report.collector = c;
	put_notes(r, header);
	return 0;
}

int replay__run(const struct options *o)
{
	struct replay r = { 0 };
	int status;

	signal(SIGPIPE, SIG_IGN);
	status = open_all(&r, o);
	if (!status)
		status = run(&r);
	sink__close(r.collector.sink);
	(void)collector__close(&r.collector);
	to_lines__close(&r.lines);
	recording__close(r.recording);
	return status;
}
