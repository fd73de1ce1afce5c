/* SPDX-License-Identifier: Apache-2.0 */
#include "event/predict.h"

#include "bpf/rules.h"

#include <limits.h>
#include <stdbool.h>

#define CHUNK_TABLES 2 /* PVM_MAX_KMALLOC_PAGES: a chunk's page pointers fill so many pages */

/* This is how many pages may have been held. */
struct amount {
	uint64_t least; /* what the bytes that moved lie on */
	uint64_t more;	/* held whole, but copied from no further */
};

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Counts them as the kernel does, also where base + len goes over the end of all addresses. len > 0. */
static uint64_t pages_of(uint64_t base, uint64_t len, uint32_t shift)
{
	return ((base + len - 1) >> shift) - (base >> shift) + 1;
}

/* The local side counts no further than that (MAX_RW_COUNT). */
static bool local_used_up(uint64_t local_total, int64_t ret, uint32_t shift)
{
	const uint64_t most = INT_MAX & ~((1ULL << shift) - 1);

	return local_total != LOCAL_UNKNOWN && ret >= 0 &&
	       (uint64_t)ret >= min_of(local_total, most);
}

/*
 * Elements without bytes count for nothing, each other one is held in chunks, and a chunk is held whole before anything is
 * copied. The end comes when the local side is used up, or with a page of either side that cannot be reached: then one chunk
 * more may have been held. Returns false if more bytes moved than there are.
 */
static bool count_pages(struct amount *out, const struct iov_elem *iov, uint32_t cnt,
			uint64_t bytes, bool used_up, uint32_t shift)
{
	const uint64_t chunk = CHUNK_TABLES * (1ULL << shift) / sizeof(uint64_t);

	out->least = out->more = 0;
	for (uint32_t i = 0; i < cnt; i++) {
		uint64_t pages, covered = 0;

		if (!iov[i].len)
			continue;
		pages = pages_of(iov[i].base, iov[i].len, shift);
		if (iov[i].len <= bytes) {
			out->least += pages;
			bytes -= iov[i].len;
			continue;
		}
		if (bytes)
			covered = pages_of(iov[i].base, bytes, shift);
		else if (used_up)
			return true;
		out->least += covered;
		out->more = min_of(pages - covered, chunk);
		return true;
	}
	return !bytes;
}

/* Returns whether the pages that were held are the first ones that the list names. */
static bool same_pages(const struct pin_key *key, const struct pvm_pins *pins,
		       const struct iov_elem *iov, uint32_t cnt)
{
	const uint64_t page = 1ULL << key->page_shift;
	uint64_t left = pins->pages, sum = 0, run = 0, run_cnt = 0, next = 0;
	bool first = true;

	for (uint32_t i = 0; i < cnt && left; i++) {
		uint64_t base = iov[i].base & ~(page - 1), take;

		if (!iov[i].len)
			continue;
		take = min_of(pages_of(iov[i].base, iov[i].len, key->page_shift), left);
		if (first && base != pins->first)
			return false;
		first = false;
		if (run_cnt && base != next) {
			sum = pvm_pins_add(sum, run, run_cnt, key->key[0], key->key[1]);
			run_cnt = 0;
		}
		if (!run_cnt)
			run = base;
		run_cnt += take;
		next = base + take * page;
		left -= take;
	}
	sum = pvm_pins_add(sum, run, run_cnt, key->key[0], key->key[1]);
	return !left && sum == pins->sum && next - page == pins->last;
}

enum tristate predict__check(const struct pin_key *key, const struct pvm_pins *pins,
			     const struct iov_elem *iov, uint32_t cnt, uint64_t local_total,
			     int64_t ret)
{
	const uint64_t bytes = ret > 0 ? (uint64_t)ret : 0;
	struct amount amount;

	if (!pins->pages || (uint64_t)pins->pages << key->page_shift < bytes)
		return UNKNOWN;
	if (!count_pages(&amount, iov, cnt, bytes, local_used_up(local_total, ret, key->page_shift),
			 key->page_shift))
		return NO;
	if (pins->pages > amount.least + amount.more)
		return NO;
	if (pins->pages >= amount.least && same_pages(key, pins, iov, cnt))
		return YES;
	return key->may_lack && pins->pages < amount.least + amount.more ? UNKNOWN : NO;
}
