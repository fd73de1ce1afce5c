/* SPDX-License-Identifier: Apache-2.0 */
/* module_types - where file systems keep what the kernel half needs of them: their structures are a module's types, or
 * the kernel's own where they are built in. */
#ifndef PVM_MODULE_TYPES_H
#define PVM_MODULE_TYPES_H

#include <stdbool.h>

#include "bpf/control.h"

/* This says which of them could not be asked for yet, because they are not loaded. */
struct module_types_missing {
	bool btrfs, overlay;
};

/* Fills in what is known now, of the modules that m names and that are there. file: the kernel's types, or NULL for its own.
 * It needs no rights. */
void module_types__learn(const char *file, struct pvm_module_types *out,
			 struct module_types_missing *m);
/* Does the same for what has come since. One whose types cannot be made use of is not asked again. */
void module_types__tick(const char *file, struct pvm_module_types *out,
			struct module_types_missing *m);

#endif
