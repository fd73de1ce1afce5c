/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf_log - what libbpf has to say goes where our own messages go. */
#ifndef PVM_LIBBPF_LOG_H
#define PVM_LIBBPF_LOG_H

/* verbose: how often -v was given; from 2 on everything comes as it is, the verifier's log too. */
void libbpf_log__setup(unsigned int verbose);

#endif
