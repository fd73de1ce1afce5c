/* SPDX-License-Identifier: Apache-2.0 */
/* units - how many of one unit are in another. */
#ifndef PVM_UNITS_H
#define PVM_UNITS_H

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000ULL
#define KIB 1024ULL
#define MIB (1024 * KIB)

#endif
