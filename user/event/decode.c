/* SPDX-License-Identifier: Apache-2.0 */
/* decode - turns the bytes of a call record, or of a sum of calls, into what is said of them. */
#include "event/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "bpf/rules.h"
#include "event/access.h"
#include "event/decode_check.h"
#include "event/decode_list.h"
#include "event/decode_written.h"
#include "event/regions.h"
#include "event/relation.h"

#define RUN_ID_MAX 32

struct decoder {
	char run_id[RUN_ID_MAX + 1];
	size_t run_id_len;
	struct iov_elem iov[2][2][PVM_IOV_MAX]; /* [local, remote][entry, exit] */
	struct pvm_call first;			/* of a summary */
	struct pvm_task owner;			/* of a target's memory, as far as is known */
	struct pin_key key;
	char error[ERRNO_NAME_SZ];     /* of the last record, if it has no other name */
	struct region_list regions[2]; /* entry, exit */
	uint8_t moved[PVM_DATA_MAX];   /* what the call moved first */
};

/* These are the bytes of a call's two sides: as they lie in its record, or in records of their own. */
struct snapshots {
	const uint8_t *at[2][2]; /* [local, remote][entry, exit]; NULL: none inside the record */
	const struct arrays *arrays;
};

struct decoder *decoder__new(const char *run_id)
{
	struct decoder *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->run_id_len = strnlen(run_id, RUN_ID_MAX);
	memcpy(d->run_id, run_id, d->run_id_len);
	return d;
}

void decoder__set_key(struct decoder *d, const struct pin_key *key)
{
	d->key = *key;
}

void decoder__free(struct decoder *d)
{
	free(d);
}

int decode__type(const void *data, size_t size)
{
	return decode_check__type(data, size);
}

/* Returns how many bytes of a side's list the kernel reads; 0: none. */
static uint64_t side_bytes(const struct pvm_call *call, bool remote)
{
	uint64_t cnt = pvm_used_count(remote ? &call->remote : &call->local, remote);

	return cnt <= PVM_IOV_MAX ? cnt * pvm_element_sz(call->abi) : 0;
}

static const uint8_t *look_at(const struct pvm_call *call, bool remote, bool at_exit)
{
	const struct pvm_side *side = remote ? &call->remote : &call->local;
	uint16_t len = at_exit ? side->exit_len : side->entry_len;

	return len ? call->data + pvm_data_at(call, remote, at_exit) : NULL;
}

static struct snapshots snapshots__of(const struct pvm_call *call, const struct arrays *arrays)
{
	struct snapshots s = { .arrays = arrays };

	for (int remote = 0; remote < 2; remote++) {
		s.at[remote][0] = look_at(call, remote, false);
		s.at[remote][1] = look_at(call, remote, true);
	}
	return s;
}

/* Returns a long array's look: its bytes came by the other ring, or they should have. */
static struct list_look look_ring(const struct pvm_call *call, const struct pvm_side *side,
				  enum pvm_array_of of, bool at_exit, uint32_t len,
				  const struct arrays *arrays)
{
	uint8_t taken = at_exit ? PVM_SIDE_EXIT : PVM_SIDE_ENTRY;
	uint8_t lost = at_exit ? PVM_SIDE_EXIT_LOST : PVM_SIDE_ENTRY_LOST;
	uint8_t ok = at_exit ? side->exit_ok : side->entry_ok;
	struct list_look look = { 0 };
	const struct pvm_array *array;

	if (side->flags & lost) {
		look.lost = true;
		return look;
	}
	if (!(side->flags & taken) || !ok)
		return look;
	array = arrays__find(arrays, call->caller.tid, call->entry_ns, of, at_exit);
	if (array && array->len == len) {
		look.bytes = array->data + array->off;
		look.ok = array->ok;
	} else {
		look.lost = true;
	}
	return look;
}

static void decode_looks(const struct pvm_call *call, const struct snapshots *inl, bool remote,
			 uint32_t len, struct list_look look[2])
{
	const struct pvm_side *side = remote ? &call->remote : &call->local;
	enum pvm_array_of of = remote ? PVM_ARRAY_REMOTE : PVM_ARRAY_LOCAL;

	if (side->flags & PVM_SIDE_RING) {
		look[0] = look_ring(call, side, of, false, len, inl->arrays);
		look[1] = look_ring(call, side, of, true, len, inl->arrays);
	} else {
		look[0] = (struct list_look){
			.bytes = side->flags & PVM_SIDE_ENTRY ? inl->at[remote][0] : NULL,
			.ok = side->entry_ok,
		};
		look[1] = (struct list_look){
			.bytes = side->flags & PVM_SIDE_EXIT ? inl->at[remote][1] : NULL,
			.ok = side->exit_ok,
		};
		if (side->flags & PVM_SIDE_SAME)
			look[1] = look[0];
	}
	/* Such a call was filtered for its target at entry, and is told at the end of the run all the same; or it is an
	 * audit's. */
	look[call->phase == PVM_ORPHAN].lost |= !(side->flags & (PVM_SIDE_ENTRY | PVM_SIDE_EXIT));
	/* An orphan's only look is the one at its exit: it is the claim, and nothing is beside
	 * it. */
	if (call->phase == PVM_ORPHAN) {
		look[0] = look[1];
		look[1] = (struct list_look){ 0 };
	}
}

/* Decodes a side. exit: whether what was seen at exit is used too. */
static void decode_side(struct decoder *d, const struct pvm_call *call, const struct snapshots *inl,
			bool remote, bool exit, struct list_info *out)
{
	const struct pvm_side *side = remote ? &call->remote : &call->local;
	uint64_t cnt = pvm_used_count(side, remote);
	struct list_look look[2];
	struct list_shape shape;

	out->addr = side->addr;
	out->count = side->count;
	if (!cnt || cnt > PVM_IOV_MAX) {
		out->status = cnt ? LIST_INVALID : LIST_NONE;
		out->user = false;
		out->changed = UNKNOWN;
		out->captured = out->exit_cnt = out->gap_cnt = 0;
		out->iov = d->iov[remote][0];
		out->iov_exit = NULL;
		out->total_len = 0;
		return;
	}
	shape = (struct list_shape){ .addr = side->addr,
				     .cnt = (uint32_t)cnt,
				     .elem = pvm_element_sz(call->abi) };
	decode_looks(call, inl, remote, shape.cnt * shape.elem, look);
	if (!exit)
		look[call->phase == PVM_ORPHAN ? 0 : 1] = (struct list_look){ 0 };
	list__merge(out, &shape, &look[0], &look[1], d->iov[remote][0], d->iov[remote][1]);
}

static void decode_outcome(struct decoder *d, const struct pvm_call *call, struct call_info *out)
{
	out->outcome = (enum pvm_outcome)pvm_outcome_of(call->phase, call->ret);
	out->ret_known = out->transferred_known = out->outcome != PVM_UNKNOWN;
	out->ret = out->ret_known ? call->ret : 0;
	out->error = out->outcome == PVM_FAILED ? errno_name((int)-call->ret, d->error) : NULL;
	out->transferred = out->outcome == PVM_SUCCEEDED ? (uint64_t)call->ret : 0;
}

/*
 * What was seen at exit is the list, or what the call itself wrote there: the target's bytes, which are in no event. A
 * list that the call wrote to is the one of the entry, and changed. Of the others, what cannot be a list is left out,
 * and an exit's differences are not shown if it is not known whereto the call wrote.
 */
static void decode_written(struct decoder *d, const struct pvm_call *call,
			   const struct snapshots *inl, struct call_info *out)
{
	struct list_info *sides[2] = { &out->local, &out->remote };
	const struct written w = written__of(out);
	bool hit[2], vague = w.list && !list__is_whole(w.list);

	for (int remote = 0; remote < 2; remote++)
		hit[remote] = written__hits(&w, sides[remote], side_bytes(call, remote));
	for (int remote = 0; remote < 2; remote++) {
		struct list_info *a = sides[remote];
		bool late = a->status != LIST_OK || call->phase == PVM_ORPHAN;

		if (hit[remote] ||
		    (w.list && late && !written__can_be_list(a->iov, a->captured, call->abi)))
			decode_side(d, call, inl, remote, false, a);
		if (hit[remote] && call->phase != PVM_ORPHAN)
			a->changed = YES;
		if (a->iov_exit &&
		    (vague || !written__can_be_list(a->iov_exit, a->exit_cnt, call->abi))) {
			a->iov_exit = NULL;
			a->exit_cnt = 0;
		}
	}
}

/* Comes after the sides and the outcome. */
static void decode_amounts(struct call_info *out)
{
	uint64_t local = out->local.total_len, remote = out->remote.total_len;

	out->requested_known = list__is_whole(&out->local) && list__is_whole(&out->remote);
	out->requested = out->requested_known ? (local < remote ? local : remote) : 0;
	if (!out->requested_known || !out->transferred_known)
		out->partial = UNKNOWN;
	else
		out->partial = out->transferred && out->transferred < out->requested ? YES : NO;
}

/* Comes after the sides and the outcome. What the kernel did is evidence; what the caller's memory showed at exit is
 * not needed beside it. */
static void decode_pins(const struct decoder *d, const struct pvm_call *call, struct call_info *out)
{
	uint64_t local = list__is_certain(&out->local) ? out->local.total_len : LOCAL_UNKNOWN;

	out->pins = NULL;
	out->confirmed = UNKNOWN;
	if (!(call->flags & PVM_CALL_PINS) || !d->key.page_shift || call->phase != PVM_COMPLETE ||
	    !out->ret_known)
		return;
	out->pins = (const void *)((const uint8_t *)call + decode_check__pins(call));
	if (!list__is_whole(&out->remote))
		return;
	out->confirmed = predict__check(&d->key, out->pins, out->remote.iov, out->remote.captured,
					local, out->ret);
	if (out->confirmed == NO)
		out->remote.changed = YES;
}

/* Comes after the outcome. What stood there is what moved as far as the result says so; of a call without a result, what
 * it was about to move. */
/* One look at what moved; NULL: none. flag: which one. */
static const struct pvm_array *moved_at(const struct pvm_call *call, const struct arrays *arrays,
					uint16_t flag)
{
	const struct pvm_array *array = NULL;

	if (call->flags & flag)
		array = arrays__find(arrays, call->caller.tid, call->entry_ns, PVM_ARRAY_DATA,
				     flag == PVM_CALL_DATA_MORE);
	return array && array->len <= PVM_DATA_MAX ? array : NULL;
}

/* What was read first counts: by the exit others can stand there. */
static void decode_data(struct decoder *d, const struct pvm_call *call, const struct arrays *arrays,
			struct call_info *out)
{
	const struct pvm_array *array = moved_at(call, arrays, PVM_CALL_DATA), *more;

	out->data = NULL;
	out->data_len = 0;
	if (!array || out->outcome == PVM_FAILED)
		return;
	memcpy(d->moved, array->data + array->off, array->len);
	out->data_len = array->len;
	more = moved_at(call, arrays, PVM_CALL_DATA_MORE);
	if (more && more->len > array->len) {
		memcpy(d->moved + array->len, more->data + more->off + array->len,
		       more->len - array->len);
		out->data_len = more->len;
	}
	if (out->ret_known && (uint64_t)out->ret < out->data_len)
		out->data_len = (uint32_t)out->ret;
	if (out->data_len)
		out->data = d->moved;
}

static void decode_duration(const struct pvm_call *call, struct call_info *out)
{
	out->duration_known = call->phase < PVM_ORPHAN && call->exit_ns >= call->entry_ns;
	out->duration_ns = out->duration_known ? call->exit_ns - call->entry_ns : 0;
}

static void decode_id(const struct decoder *d, const struct pvm_call *call, struct call_info *out)
{
	char *at = out->id;

	_Static_assert(sizeof(out->id) > RUN_ID_MAX + 1 + 8 + 1 + 16, "a call id must fit");
	memcpy(at, d->run_id, d->run_id_len);
	at += d->run_id_len;
	*at++ = '-';
	at = put_hex(at, call->caller.tid, 1);
	*at++ = '-';
	at = put_hex(at, call->entry_ns, 1);
	*at = '\0';
}

/* The owner is told in the same way as the two sides, of whom more is known. */
static void decode_owner(struct decoder *d, const struct pvm_owner *owner, struct identity *id,
			 struct task_info *out)
{
	d->owner = (struct pvm_task){
		.start_ns = owner->start_ns,
		.cgroup_id = owner->cgroup_id,
		.exe_ino = owner->exe_ino,
		.pid = owner->pid,
		.tid = owner->pid,
		.uid = owner->uid,
		.process_uid = owner->uid,
		.ns_pid = owner->ns_pid,
		.exe_dev = owner->exe_dev,
		.exec_id = owner->exec_id,
		.hier = owner->hier,
		.flags = owner->flags,
	};
	memcpy(d->owner.comm, owner->comm, sizeof(d->owner.comm));
	identity__fill(id, &d->owner, false, out);
}

static void decode_relative(struct relative_info *r, const struct clock_base *clock)
{
	if (r)
		r->real_start_ns = clock__real_of(clock, r->start_ns);
}

static void decode_ancestry(const struct pvm_call *call, enum pvm_who who, struct identity *id,
			    const struct clock_base *clock, struct call_info *out)
{
	struct ancestry_info *a = identity__ancestry(id, call->ancestry[who]);

	out->ancestry[who] = a;
	if (!a || (a->clock && a->clock == clock->total))
		return;
	for (size_t i = 0; i < a->cnt; i++)
		decode_relative(&a->ancestors[i], clock);
	decode_relative(a->tracer, clock);
	a->clock = clock->total;
}

static void decode_tasks(struct decoder *d, const struct pvm_call *call, struct identity *id,
			 const struct clock_base *clock, struct call_info *out)
{
	identity__fill(id, &call->caller, true, &out->caller);
	out->caller.real_start_ns = clock__real_of(clock, call->caller.start_ns);
	decode_ancestry(call, PVM_CALLER, id, clock, out);
	decode_ancestry(call, PVM_TARGET, id, clock, out);
	relation__none(out);
	access__none(&out->access);
	out->owner = (struct task_info){ .task = NULL };
	if (call->resolved == PVM_UNRESOLVED) {
		identity__fill(id, NULL, false, &out->target);
		out->target.real_start_ns = 0;
		return;
	}
	identity__fill(id, &call->target, false, &out->target);
	out->target.real_start_ns = clock__real_of(clock, call->target.start_ns);
	if (call->flags & PVM_CALL_OWNER)
		decode_owner(d, &call->owner, id, &out->owner);
	relation__fill(call, out);
	access__fill(call, out, &out->access);
}

int decode__call(struct decoder *d, const void *data, size_t size, const struct arrays *arrays,
		 struct identity *id, const struct clock_base *clock, struct call_info *out)
{
	const struct pvm_call *call = data;
	struct snapshots inl;

	if (((uintptr_t)data & 7) || !decode_check__call(call, size))
		return -EBADMSG;
	inl = snapshots__of(call, arrays);
	out->raw = call;
	out->rule = NULL;
	out->summed = false;
	out->flags = call->args[PVM_ARG_FLAGS];
	out->target_arg = pvm_target_arg(call->args);
	decode_outcome(d, call, out);
	decode_duration(call, out);
	decode_id(d, call, out);
	decode_side(d, call, &inl, false, true, &out->local);
	decode_side(d, call, &inl, true, true, &out->remote);
	decode_written(d, call, &inl, out);
	decode_amounts(out);
	decode_pins(d, call, out);
	decode_data(d, call, arrays, out);
	regions__decode(call, arrays, id, d->regions, out);
	decode_tasks(d, call, id, clock, out);
	return 0;
}

int decode__opened(struct decoder *d, const void *data, size_t size, struct identity *id,
		   const struct clock_base *clock, struct tamper_info *out)
{
	const struct pvm_opened *opened = data;

	if (((uintptr_t)data & 7) || !decode_check__opened(opened, size))
		return -EBADMSG;
	out->raw = opened;
	out->error = opened->ret < 0 ? errno_name((int)-opened->ret, d->error) : NULL;
	identity__fill(id, &opened->by, false, &out->by);
	out->by.real_start_ns = clock__real_of(clock, opened->by.start_ns);
	return 0;
}

/* A sum of calls that failed in an unusual way is of that errno alone, which is the first one's. */
static void decode_errors(struct decoder *d, const struct pvm_tally *tally,
			  struct summary_info *out)
{
	const int64_t first = d->first.ret;

	out->error_cnt = 0;
	if (tally->outcome != PVM_FAILED)
		return;
	for (size_t i = 0; i < PVM_USUAL_CNT; i++) {
		if (tally->errors[i])
			out->errors[out->error_cnt++] = (struct error_count){
				.name = errno_name(usual_errnos[i], d->error),
				.calls = tally->errors[i],
			};
	}
	if (!out->error_cnt && pvm_is_error(first))
		out->errors[out->error_cnt++] = (struct error_count){
			.name = errno_name((int)-first, d->error),
			.calls = tally->calls,
		};
}

static void decode_kinds(const struct pvm_tally *tally, struct summary_info *out)
{
	out->abi_cnt = 0;
	for (int abi = PVM_ABI_X86_64; abi < PVM_ABI_CNT; abi++) {
		if (tally->abis[abi])
			out->abis[out->abi_cnt++] = (struct abi_count){
				.abi = (enum pvm_abi)abi,
				.calls = tally->abis[abi],
			};
	}
	out->changed = tally->changed ? YES : tally->uncompared ? UNKNOWN : NO;
	out->range_known = !tally->unranged && tally->low <= tally->high;
	out->low = tally->low;
	out->high = tally->high;
}

int decode__summary(struct decoder *d, const void *data, size_t size, struct identity *id,
		    const struct clock_base *clock, struct summary_info *out)
{
	const struct pvm_summary *sum = data;
	const struct pvm_tally *tally;
	int err;

	if (((uintptr_t)data & 7) || !decode_check__summary(sum, size))
		return -EBADMSG;
	tally = &sum->tally;
	memcpy(&d->first, sum->call, sizeof(d->first));
	/* These are of the first call only. */
	d->first.flags &=
		~(PVM_CALL_PINS | PVM_CALL_TARGET_CONFIRMED | PVM_CALL_DATA | PVM_CALL_DATA_MORE);
	d->first.hdr = (struct pvm_hdr){ sizeof(d->first), PVM_CALL, PVM_WIRE_VERSION };
	memset(&d->first.local, 0, sizeof(d->first.local));
	memset(&d->first.remote, 0, sizeof(d->first.remote));
	d->first.look = 0;
	d->first.region_cnt = 0;
	err = decode__call(d, &d->first, sizeof(d->first), NULL, id, clock, &out->call);
	if (err)
		return err;
	out->call.summed = true;
	out->call.outcome = (enum pvm_outcome)tally->outcome;
	/* This is known of the first call only: the others may have had other results and lists. */
	out->call.ret_known = out->call.duration_known = false;
	out->call.requested_known = false;
	out->call.partial = UNKNOWN;
	/* None of them moved more: all that a filter by bytes can go by once they are summed. */
	out->call.transferred = tally->bytes;
	out->call.transferred_known = tally->outcome != PVM_UNKNOWN;
	out->call.error = NULL;
	out->reason = (enum pvm_reason)tally->reason;
	out->calls = tally->calls;
	out->sums_known = tally->outcome != PVM_UNKNOWN;
	out->bytes = tally->bytes;
	out->duration_ns = tally->duration_ns;
	decode_errors(d, tally, out);
	decode_kinds(tally, out);
	out->first_ns = clock__real_of(clock, tally->first_ns);
	out->last_ns = clock__real_of(clock, tally->last_ns);
	return 0;
}
