/* SPDX-License-Identifier: Apache-2.0 */
/* version - the one place that says which release this is; the Makefile reads it from here. */
#ifndef PVM_VERSION_H
#define PVM_VERSION_H

#define PVMTRACE_VERSION "0.1.0"

#endif
