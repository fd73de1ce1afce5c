/* SPDX-License-Identifier: Apache-2.0 */
#include "run_facts.h"

#include <stdio.h>
#include <string.h>

#include "event/names.h"

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static uint8_t confirm_bits(const struct confirm_info *c)
{
	return (c->target ? RECORDING_TARGET : 0) | (c->access ? RECORDING_ACCESS : 0) |
	       (c->pages == PAGES_FEXIT	   ? RECORDING_FEXIT
		: c->pages == PAGES_KPROBE ? RECORDING_KPROBE
					   : 0);
}

static uint8_t openings_bits(enum openings_by by)
{
	return by == OPENINGS_FEXIT	 ? RECORDING_OPENINGS_FEXIT
	       : by == OPENINGS_SYS_EXIT ? RECORDING_OPENINGS_EXIT
					 : 0;
}

static enum openings_by openings_of(uint8_t bits)
{
	return bits & RECORDING_OPENINGS_FEXIT	? OPENINGS_FEXIT
	       : bits & RECORDING_OPENINGS_EXIT ? OPENINGS_SYS_EXIT
						: OPENINGS_UNSEEN;
}

void run_facts__put(const struct run_facts *f, struct recording_header *header)
{
	header->pid = f->pid;
	header->fentry = f->attach == ATTACH_FENTRY;
	header->confirms = confirm_bits(&f->confirms) | openings_bits(f->openings) |
			   (f->audit ? RECORDING_AUDIT : 0);
	header->witnesses = f->witnesses & WITNESS_BITS;
	copy(header->resolve, sizeof(header->resolve), resolve_name(f->resolve));
	copy(header->user, sizeof(header->user), f->user);
	for (size_t i = 0; i < f->abi_cnt; i++) {
		copy(header->abis[i].name, sizeof(header->abis[i].name), abi_word(&f->abis[i]));
		header->abis[i].covered = f->abis[i].covered;
		header->abis[i].proven = f->abis[i].proven;
	}
}

void run_facts__of(struct run_facts *f, const struct recording_header *header)
{
	*f = (struct run_facts){
		.attach = header->fentry ? ATTACH_FENTRY : ATTACH_TRACEPOINT,
		.resolve = resolve_of(header->resolve),
		.user = header->user,
		.confirms = {
			.target = header->confirms & RECORDING_TARGET,
			.access = header->confirms & RECORDING_ACCESS,
			.pages = header->confirms & RECORDING_FEXIT	? PAGES_FEXIT : header->confirms & RECORDING_KPROBE ? PAGES_KPROBE : PAGES_UNSEEN,
		},
		.openings = openings_of(header->confirms),
		.pid = header->pid,
		.witnesses = header->witnesses,
		.audit = header->confirms & RECORDING_AUDIT,
	};
	while (f->abi_cnt < ABIS_MAX && header->abis[f->abi_cnt].name[0]) {
		f->abis[f->abi_cnt] = (struct abi_info){
			.abi = abi_of(header->abis[f->abi_cnt].name),
			.other = header->abis[f->abi_cnt].name,
			.covered = header->abis[f->abi_cnt].covered,
			.proven = header->abis[f->abi_cnt].proven,
		};
		f->abi_cnt++;
	}
}
