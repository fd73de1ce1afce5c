/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/summaries.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel/map.h"

/* The kernel gathers up to eight pages before it copies (kernel/bpf/bpf_iter.c: bpf_seq_read), so all of a batch comes
 * from one such turn, and no record is cut in two. */
_Static_assert(PVM_SUMMARY_BATCH * sizeof(struct pvm_summary) <= 8 * 4096,
	       "a batch is read at once");

void summaries__close(struct summaries *s)
{
	if (s->taking)
		close(s->fd);
	s->taking = false;
}

static int begin(struct summaries *s)
{
	int fd = kernel_map__begin(s->iterator);

	if (fd < 0)
		return fd;
	s->fd = fd;
	s->taking = true;
	s->came = false;
	s->at = s->cnt = 0;
	return 0;
}

/* Fetches the next ones; where there are none the iterator has come to its end. Returns 0 or -errno. */
static int fill(struct summaries *s)
{
	long n = kernel_map__read(s->fd, s->batch, sizeof(s->batch));

	s->at = 0;
	s->cnt = n > 0 ? (size_t)n / sizeof(s->batch[0]) : 0;
	s->came |= s->cnt > 0;
	return n < 0 ? (int)n : 0;
}

static int hand_on(struct summaries *s, int (*take)(void *ctx, void *data, size_t size), void *ctx)
{
	while (s->at < s->cnt) {
		int err = take(ctx, &s->batch[s->at], sizeof(s->batch[0]));

		if (err)
			return err;
		s->calls += s->batch[s->at++].tally.calls;
	}
	return 0;
}

/* Takes one run of the iterator, or what is left of it. */
static int run(struct summaries *s, int (*take)(void *ctx, void *data, size_t size), void *ctx)
{
	int err = s->taking ? 0 : begin(s);

	if (err)
		return err;
	do {
		err = hand_on(s, take, ctx);
		if (err)
			return err;
		err = fill(s);
	} while (!err && s->cnt);
	summaries__close(s);
	if (err)
		log__debug("reading the summaries: %s", strerror(-err));
	return err;
}

int summaries__take(struct summaries *s, int (*take)(void *ctx, void *data, size_t size), void *ctx)
{
	int err;

	do {
		err = run(s, take, ctx);
	} while (!err && s->came);
	return err;
}
