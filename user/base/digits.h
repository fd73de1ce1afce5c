/* SPDX-License-Identifier: Apache-2.0 */
/* digits - numbers as text without printf, for what is written once a call. */
#ifndef PVM_DIGITS_H
#define PVM_DIGITS_H

#include <stdint.h>

/* Returns the digits that v takes in hex; 0 takes one. */
static inline unsigned int hex_digits(uint64_t v)
{
	return v ? (67 - (unsigned int)__builtin_clzll(v)) / 4 : 1;
}

/* Writes at least min lower-case hex digits at at, no NUL. Returns the place behind them. */
static inline char *put_hex(char *at, uint64_t v, unsigned int min)
{
	static const char hex[] = "0123456789abcdef";
	unsigned int cnt = hex_digits(v);

	if (cnt < min)
		cnt = min;
	for (unsigned int i = cnt; i-- > 0; v >>= 4)
		at[i] = hex[v & 15];
	return at + cnt;
}

/* Returns the digits that v takes in decimal. */
static inline unsigned int dec_digits(uint64_t v)
{
	unsigned int cnt = 1;

	for (; v >= 10; v /= 10)
		cnt++;
	return cnt;
}

#endif
