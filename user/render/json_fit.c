/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_fit - how `truncated` names what is cut of a call, and what then stands there. Below
 * the parts' minimums a very short line (--max-line near 1,024) loses, in this order: host,
 * target.ns, caller.ns, local, remote.* (the remote array but count, captured, status, total_len and
 * its first element), relation, target.* and caller.* (all but who it is), and * (keys at top level
 * that are not the result). What is one key becomes null, paths if not even their end fits; keys that
 * stand for a ".*", and the _hex keys, are left out.
 */
#include "render/json.h"

#define TEXT_SZ(key) (sizeof(",\"" key "\":\"\"") - 1)
#define NULL_SZ(key) (sizeof(",\"" key "\":null") - 1)

const struct fit_format json_format = {
	.names = {
		[FIT_TOP] = "\"*\"",
		[FIT_CALLER] = "\"caller.*\"",
		[FIT_TARGET] = "\"target.*\"",
		[FIT_RELATION] = "\"relation\"",
		[FIT_REMOTE] = "\"remote.*\"",
		[FIT_LOCAL] = "\"local\"",
		[FIT_NS] = "\"caller.ns\",\"caller.containers\"",
		[FIT_TARGET_NS] = "\"target.ns\",\"target.containers\"",
		[FIT_HOST] = "\"host\"",
		[FIT_EXE] = "\"caller.exe\"",
		[FIT_TARGET_EXE] = "\"target.exe\"",
		[FIT_OWNER_EXE] = "\"target.memory_of.exe\"",
		[FIT_CGROUP] = "\"caller.cgroup\"",
		[FIT_TARGET_CGROUP] = "\"target.cgroup\"",
		[FIT_COMM_HEX] = "\"caller.comm_hex\"",
		[FIT_TARGET_COMM_HEX] = "\"target.comm_hex\"",
		[FIT_PCOMM_HEX] = "\"caller.pcomm_hex\"",
		[FIT_TARGET_PCOMM_HEX] = "\"target.pcomm_hex\"",
		[FIT_EXE_HEX] = "\"caller.exe_hex\"",
		[FIT_TARGET_EXE_HEX] = "\"target.exe_hex\"",
		[FIT_CGROUP_HEX] = "\"caller.cgroup_hex\"",
		[FIT_TARGET_CGROUP_HEX] = "\"target.cgroup_hex\"",
		[FIT_OWNER_COMM_HEX] = "\"target.memory_of.comm_hex\"",
		[FIT_OWNER_EXE_HEX] = "\"target.memory_of.exe_hex\"",
		[FIT_ARGS_HEX] = "\"caller.args_hex\"",
		[FIT_ARGS] = "\"caller.args\"",
		[FIT_REMOTE_EXIT] = "\"remote.iov_exit\"",
		[FIT_LOCAL_EXIT] = "\"local.iov_exit\"",
		[FIT_REMOTE_IOV] = "\"remote.iov\"",
		[FIT_LOCAL_IOV] = "\"local.iov\"",
	},
	.instead = {
		[FIT_RELATION] = NULL_SZ("relation"),
		[FIT_LOCAL] = NULL_SZ("local"),
		[FIT_NS] = NULL_SZ("containers") + NULL_SZ("ns"),
		[FIT_TARGET_NS] = NULL_SZ("containers") + NULL_SZ("ns"),
		[FIT_HOST] = NULL_SZ("host"),
		[FIT_EXE] = NULL_SZ("exe"),
		[FIT_TARGET_EXE] = NULL_SZ("exe"),
		[FIT_OWNER_EXE] = NULL_SZ("exe"),
		[FIT_CGROUP] = NULL_SZ("cgroup"),
		[FIT_TARGET_CGROUP] = NULL_SZ("cgroup"),
	},
	.text_extra = {
		[FIT_EXE] = TEXT_SZ("exe"),
		[FIT_TARGET_EXE] = TEXT_SZ("exe"),
		[FIT_OWNER_EXE] = TEXT_SZ("exe"),
		[FIT_CGROUP] = TEXT_SZ("cgroup"),
		[FIT_TARGET_CGROUP] = TEXT_SZ("cgroup"),
	},
	.text_copies = {
		[FIT_EXE] = 1,
		[FIT_TARGET_EXE] = 1,
		[FIT_OWNER_EXE] = 1,
		[FIT_CGROUP] = 1,
		[FIT_TARGET_CGROUP] = 1,
	},
	.arg_extra = sizeof("\"\"") - 1,
	.counts_first = true,
};
