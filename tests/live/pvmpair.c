/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmpair ORDER LOCAL REMOTE CHANGES WHERE - a call of itself whose lists, of so many elements, lie side by side, the one named by
 * ORDER (local, remote) first; or with a gap between them (apart). It writes new elements over those of CHANGES (none, local,
 * remote, both), by another mapping of the same page. WHERE: in the middle of a page (middle); the second list is the first thing
 * on the next page (edge), which is not there (hole); or that is the only one which is there (tail). Prints the new elements.
 */
#include "trigger.h"

#define CNT_MAX 8
#define GAP 8 /* bytes */

static char *pages, *alias;				/* two mappings of two pages */
static struct iovec fresh[2][CNT_MAX], old[2][CNT_MAX]; /* of both lists, the local one first */
static char src[1024], dst[1024];

static void map_twice(void)
{
	const int fd = (int)syscall(SYS_memfd_create, "pair", 0);

	if (fd < 0 || ftruncate(fd, 2 * PAGE))
		die("memfd_create");
	pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	alias = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (pages == MAP_FAILED || alias == MAP_FAILED)
		die("mmap");
	memset(pages, 0, 2 * PAGE);
	close(fd);
}

/* The first element of each list has all bytes of the call; where that moves new elements, these come from src. */
static void fill(char *to, size_t len)
{
	for (size_t i = 0; i < CNT_MAX; i++) {
		old[0][i] = (struct iovec){ i ? dst : to, i ? 0 : len };
		old[1][i] = (struct iovec){ src + i, i ? 0 : len };
		for (int which = 0; which < 2; which++)
			fresh[which][i] = (struct iovec){ src + 64 * (which + 1) + i, i + 5 };
	}
}

static void print_fresh(char *to, size_t room, const size_t cnt[2])
{
	size_t used = 0;

	for (int which = 0; which < 2; which++) {
		used += (size_t)snprintf(to + used, room - used, "\"fresh_%s\":[",
					 which ? "remote" : "local");
		for (size_t i = 0; i < cnt[which]; i++)
			used += (size_t)snprintf(
				to + used, room - used, "%s{\"base\":\"0x%llx\",\"len\":%zu}",
				i ? "," : "",
				(unsigned long long)(uintptr_t)fresh[which][i].iov_base,
				fresh[which][i].iov_len);
		used += (size_t)snprintf(to + used, room - used, "],");
	}
}

int main(int argc, char **argv)
{
	size_t cnt[2], size[2], at[2], first, second, gap, from, len;
	bool local_changes, remote_changes;
	char extra[2048];
	struct call c;

	if (argc != 6)
		return 64;
	map_twice();
	for (int which = 0; which < 2; which++) {
		cnt[which] = (size_t)atoi(argv[2 + which]);
		size[which] = cnt[which] * sizeof(struct iovec);
	}
	first = !strcmp(argv[1], "remote");
	second = !first;
	gap = strcmp(argv[1], "apart") ? 0 : GAP;
	at[first] = strcmp(argv[5], "middle") ? PAGE - size[first] - gap : PAGE / 4;
	at[second] = at[first] + size[first] + gap;
	local_changes = !strcmp(argv[4], "local") || !strcmp(argv[4], "both");
	remote_changes = !strcmp(argv[4], "remote") || !strcmp(argv[4], "both");
	/* The piece of the page that the call writes to. */
	from = at[local_changes && remote_changes ? first : local_changes ? 0 : 1];
	len = local_changes && remote_changes ? size[0] + gap + size[1] : size[!local_changes];
	fill(local_changes || remote_changes ? alias + from : dst, len);
	for (int which = 0; which < 2; which++) {
		memcpy(pages + at[which], old[which], size[which]);
		if (at[which] >= from && at[which] + size[which] <= from + len)
			memcpy(src + at[which] - from, fresh[which], size[which]);
	}
	if (!strcmp(argv[5], "hole") && mprotect(pages + PAGE, PAGE, PROT_NONE))
		die("mprotect");
	if (!strcmp(argv[5], "tail") && mprotect(pages, PAGE, PROT_NONE))
		die("mprotect");
	c = call_of(READ, getpid(), (struct iovec *)(pages + at[0]), cnt[0],
		    (struct iovec *)(pages + at[1]), cnt[1], 0);
	c.local.known = strcmp(argv[5], first ? "hole" : "tail") ? old[0] : NULL;
	c.remote.known = strcmp(argv[5], first ? "tail" : "hole") ? old[1] : NULL;
	call_run(&c);
	print_fresh(extra, sizeof(extra), cnt);
	report(extra, &c, 1);
	return 0;
}
