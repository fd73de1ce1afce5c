/* SPDX-License-Identifier: Apache-2.0 */
/* strays - descriptors that whoever started the program left open: nothing is to be reached by them once what options name
 * is open (/dev/fd/5 is a name, too). */
#ifndef PVM_SANDBOX_STRAYS_H
#define PVM_SANDBOX_STRAYS_H

/* Notes which are open, but for stdin, stdout and stderr. It is called before the program opens any. */
void strays__note(void);
/* Closes those. */
void strays__close(void);

#endif
