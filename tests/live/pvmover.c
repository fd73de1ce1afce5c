/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmover local|remote|write COUNT - a call of so many elements that puts other bytes over its own list: a read over its
 * local or its remote one, or a write to itself over the local one. The bytes are the secret, and could be a list.
 */
#include "trigger.h"

#define SECRET 0x5ec2e7

static struct iovec l[IOV_MAX_CNT], r[IOV_MAX_CNT], secret[IOV_MAX_CNT];

int main(int argc, char **argv)
{
	size_t cnt = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	struct iovec known[2][IOV_MAX_CNT];
	struct call c;
	bool write;
	void *over;

	if (cnt < 1 || cnt > IOV_MAX_CNT)
		return 64;
	write = !strcmp(argv[1], "write");
	over = !strcmp(argv[1], "remote") ? r : l;
	for (size_t i = 0; i < cnt; i++) {
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): it is no pointer */
		secret[i] = (struct iovec){ (void *)(uintptr_t)SECRET, SECRET + i };
		l[i] = (struct iovec){ (char *)over + 16 * i, sizeof(secret[i]) };
		r[i] = (struct iovec){ &secret[i], sizeof(secret[i]) };
		if (write) {
			void *base = l[i].iov_base;

			l[i].iov_base = r[i].iov_base;
			r[i].iov_base = base;
		}
	}
	memcpy(known[0], l, sizeof(l));
	memcpy(known[1], r, sizeof(r));
	c = call_of(write ? WRITE : READ, getpid(), l, cnt, r, cnt, 0);
	c.local.known = known[0];
	c.remote.known = known[1];
	call_run(&c);
	report(NULL, &c, 1);
	return 0;
}
