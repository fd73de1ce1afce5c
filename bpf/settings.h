/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* settings.h - what the user half sets before it loads the programs. */
#ifndef PVM_SETTINGS_H
#define PVM_SETTINGS_H

#include "base.h"
#include "keys.h"

/* Settings are fixed before load: what is off costs nothing, because the verifier removes it. Those of filters
 * say which rules have such: PVM_WANTED, PVM_EXCLUDED where they have values, by side; else the rules' bits. */
const volatile __u32 cfg_rules = 1;	      /* all of them */
const volatile __u32 cfg_rules_drop = 0;      /* whose calls are dropped */
const volatile __u32 cfg_rules_aggregate = 0; /* whose calls are added up */
const volatile __u32 cfg_rules_target = 0;    /* that look at the target */
const volatile __u32 cfg_rules_user = 0;      /* that ask what only user space knows of a call */
const volatile bool cfg_asks_caller = false;  /* filters look at more of it than its number */
const volatile __u64 cfg_control = 0;	   /* address of the control block in the reader's memory */
const volatile __u64 cfg_commands = 0;	   /* and of the commands */
const volatile __u32 cfg_reader = 0;	   /* its host pid; 0: it does not know */
const volatile bool cfg_use_kfunc = false; /* look targets up by bpf_task_from_vpid */
const volatile __u16 cfg_ops[2] = { PVM_ALL_RULES,
				    PVM_ALL_RULES }; /* by enum pvm_op: that pass it */
const volatile __u32 cfg_no_self = 0;
const volatile __u32 cfg_rules_result =
	0; /* that look at the result: by rule, what they ask of it */
const volatile __u8 cfg_outcome[PVM_RULES_MAX] = {}; /* enum pvm_outcome that passes; 0: any */
const volatile __u64 cfg_min_bytes[PVM_RULES_MAX] = {};
const volatile __u32 cfg_has_pid[2] = {};
const volatile __u32 cfg_memories = 0; /* processes in pvm_memories */
const volatile __u32 cfg_has_uid[2] = {};
const volatile __u32 cfg_has_comm[2] = {};
const volatile __u32 cfg_has_exe[4] = {}; /* by enum pvm_bound */
const volatile __u32 cfg_has_relation = 0;
const volatile __u32 cfg_relation[PVM_RELATION_CNT] = {}; /* by enum pvm_relation, what it means */
const volatile __u32 cfg_has_cgroup[2] = {};		  /* and container: user space judges */
const volatile __u64 cfg_array_ring_sz = 4 << 20;
const volatile bool cfg_aggregate = false;
const volatile __u64 cfg_parked_ns = 0;	     /* --aggregate: longer calls are told one by one */
const volatile __u64 cfg_digest_key[2] = {}; /* random: list_digest */
const volatile __u64 cfg_pin_key[2] = {};    /* random: pvm_pins_add */
const volatile __u32 cfg_page_shift = PVM_PAGE_SHIFT;
const volatile bool cfg_own_rows = false; /* no two CPUs share one of PVM_CPU_ROWS places */
const volatile bool cfg_audit = false;
const volatile __u32 cfg_ancestors = 5; /* generations, at most; 0: nobody is told */
const volatile __u32 cfg_regions = 8; /* remote elements that regions are looked up for; 0: none */
const volatile __u32 cfg_args_bytes = 0;    /* of a command line that are read, at most; 0: none */
const volatile __u32 cfg_data_bytes = 0;    /* of what a call moves that are read, at most */
const volatile bool cfg_typed_regs = false; /* hooks get typed pointers to the registers */
const volatile bool cfg_witness = false;    /* there are witnesses (witness.h) */
const volatile bool cfg_quick = false;	    /* they see returns: here.h */
const volatile bool cfg_stacks = false;	    /* for which threads need a shadow stack: witness.h */
/* In a build for tests no hook sees an end, but those of our own calls. */
const volatile bool cfg_ends_unseen = false;
/* This is set in a build for tests: a hook is as if it was passed over for calls whose callers ask for it (stages.h). */
const volatile bool cfg_pass_over = false;
const volatile bool cfg_around =
	false; /* with fentry: they are around its hooks, and not between them */
/* What others open of ours is seen at the end of each system call; else the calls' own functions say it (opening.h). */
const volatile bool cfg_openings = false;
const volatile __u32 cfg_last = 0; /* enum pvm_saw: hooks at the end of a call, behind all others */

#endif
