/* SPDX-License-Identifier: Apache-2.0 */
/* escape - what somebody would try who has taken over the collector: in a build for tests only. */
#ifndef PVM_SANDBOX_ESCAPE_H
#define PVM_SANDBOX_ESCAPE_H

/* Tries what $PVM_ESCAPE names, says what came of it on stderr, and goes on. Otherwise it does nothing. */
void escape__try(void);

#endif
