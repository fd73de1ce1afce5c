/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/link_check.h"

#include <bpf/bpf.h>
#include <string.h>

#include <linux/bpf.h>

#include "kernel/tamper.h"

static void look_at(struct link_check *c, int fd, const struct bpf_link_info *is,
		    struct tamper *found)
{
	size_t at = 0;

	while (at < c->cnt && c->links[at].fd != fd)
		at++;
	/* A descriptor that was closed can be another link's by now. */
	if (at < c->cnt && c->links[at].id == is->id && c->links[at].prog != is->prog_id)
		tamper__find(found,
			     "somebody replaced what runs by link %u: program %u, and not %u",
			     is->id, is->prog_id, c->links[at].prog);
	if (at == LINK_CHECK_MAX)
		return;
	c->links[at].fd = fd;
	c->links[at].id = is->id;
	c->links[at].prog = is->prog_id;
	c->cnt += at == c->cnt;
}

/* A perf event, which is what some are attached by before 5.15, never was a link. */
static void look_for(struct link_check *c, int fd, struct tamper *found)
{
	for (size_t i = 0; i < c->cnt; i++) {
		if (c->links[i].fd != fd || !c->links[i].id)
			continue;
		tamper__find(found, "link %u is gone", c->links[i].id);
		c->links[i].id = 0;
	}
}

void link_check__look(struct link_check *c, const int *fds, size_t cnt, struct tamper *found)
{
	struct bpf_link_info info;
	uint32_t len;

	for (size_t i = 0; i < cnt; i++) {
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		if (!bpf_obj_get_info_by_fd(fds[i], &info, &len))
			look_at(c, fds[i], &info, found);
		else
			look_for(c, fds[i], found);
	}
}
