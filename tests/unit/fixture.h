/* SPDX-License-Identifier: Apache-2.0 */
/* fixture - records of the kernel half built by hand, and the random numbers of the tests. */
#ifndef PVM_FIXTURE_H
#define PVM_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"
#include "bpf/keys.h"
#include "event/predict.h"
#include "event/record.h"

#define FIXTURE_BOOT_ID "5f0c2b7e-9d3a-4c61-8a55-000000000001"
#define FIXTURE_RUN_ID "5f0c2b7e9d3a4c61"

/* This is a call record with room for everything it can carry. */
struct fixture_call {
	union {
		struct pvm_call call;
		uint8_t bytes[PVM_CALL_MAX];
	};
};

/* Makes a process_vm_readv of 4096 bytes that worked: one element a side, looked at twice, nothing changed. */
void fixture__call(struct fixture_call *f);
/* Sets the record's data: the four snapshots, each len bytes or none (0). */
void fixture__data(struct fixture_call *f, const void *local, uint16_t local_len,
		   const void *remote, uint16_t remote_len, const void *local_exit,
		   uint16_t local_exit_len, const void *remote_exit, uint16_t remote_exit_len);

/* Returns what the hooks sum up with that key when one page was held, at this address. */
struct pvm_pins fixture__one_page(const struct pin_key *key, uint64_t page);
/* Adds pins behind the record's data. */
void fixture__pins(struct fixture_call *f, const struct pvm_pins *pins);

/* Makes a path record at buf, which has room for it. names: the last name first, each with its NUL, len bytes.
 * Returns its size. */
size_t fixture__path(void *buf, uint16_t type, const struct pvm_task *task, const char *names,
		     uint32_t len, uint8_t flags);
size_t fixture__args(void *buf, const struct pvm_task *task, const char *args, uint32_t len,
		     uint32_t total);
/* Makes the record of who is behind a caller (who: PVM_CALLER: a tracer, the leader of the session, and cnt ancestors) or a
 * target (its parent), with this id. */
size_t fixture__ancestry(void *buf, uint64_t id, enum pvm_who who, uint32_t cnt);
/* Makes one look at one side of the call. bytes: of the whole array. */
size_t fixture__array(void *buf, const struct pvm_call *call, enum pvm_array_of of, bool at_exit,
		      const void *bytes, uint32_t len, uint8_t ok);
/* One of what a call moved first, which from now on says that there is one. */
size_t fixture__moved(void *buf, struct pvm_call *call, const void *bytes, uint32_t len);

/* Makes a sum of three successes like the call, which took and moved the same, a millisecond apart; they are told together
 * because the ring was full. */
void fixture__summary(struct pvm_summary *sum, const struct pvm_call *call);

extern const struct host fixture_host;

/* Begins a sequence that is the same in every run. */
void fixture__seed(uint64_t seed);
uint64_t fixture__random(void);
/* Returns 0 to max - 1. */
uint32_t fixture__below(uint32_t max);
void fixture__random_bytes(void *to, size_t len);

#endif
