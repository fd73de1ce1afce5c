/* SPDX-License-Identifier: Apache-2.0 */
/* iterators - which of the kernel half's iterators run here, and over what. */
#ifndef PVM_ITERATORS_H
#define PVM_ITERATORS_H

#include <stdbool.h>
#include <stddef.h>

struct btf;
struct bpf_link;
struct pvmtrace_bpf;

/* These are links of the skeleton's: they go with it. */
struct iterators {
	const struct bpf_link *sweep; /* over all tasks */
	const struct bpf_link *dead;  /* over the states of calls; NULL: it is not needed */
	const struct bpf_link *apply; /* carries out the commands */
	const struct bpf_link *take;  /* writes the summaries */
	const struct bpf_link
		*check; /* writes sums over filters; NULL: there are none, or the kernel cannot */
};

/* Finds out, before loading, by loading a program whether this host allows iterators over maps. types: the kernel's; NULL:
 * unknown, then it does. It needs CAP_BPF and CAP_PERFMON. */
void iterators__choose(struct pvmtrace_bpf *skel, const struct btf *types);
/* Attaches them. Returns 0, or an exit status after a message. */
int iterators__attach(struct pvmtrace_bpf *skel, struct iterators *out);

#define ITERATORS_MAX 6
/* Gives the descriptors of their links, and of the one that is there before. Returns how many. */
size_t iterators__fds(const struct iterators *it, const struct pvmtrace_bpf *skel,
		      int fds[ITERATORS_MAX]);

#endif
