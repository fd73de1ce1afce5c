/* SPDX-License-Identifier: Apache-2.0 */
/* pvmregion32 - the same as a 32-bit program (i386 or AArch32). */
#include "pvmregion.c" /* NOLINT(bugprone-suspicious-include) */
