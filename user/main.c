/* SPDX-License-Identifier: Apache-2.0 */
/* main - wires the parts: which of them the options ask for. */
#include <bpf/libbpf.h>
#include <stdio.h>

#include "base/log.h"
#include "health.h"
#include "live.h"
#include "memory_need.h"
#include "options/command_line.h"
#include "probe/facts.h"
#include "render/schema.h"
#include "replay.h"
#include "sandbox/strays.h"
#include "version.h"

static int print_config(const struct options *o)
{
	int status = options__print(o);

	return status ? status : memory_need__print(o);
}

static int print_version(void)
{
	printf("pvmtrace %s (libbpf %s)\n", PVMTRACE_VERSION, libbpf_version_string());
	return 0;
}

static int run(const struct options *o)
{
	if (o->help) {
		options__help();
		return 0;
	}
	if (o->version)
		return print_version();
	if (o->schema)
		return schema__print();
	if (o->print_config)
		return print_config(o);
	if (o->check_config)
		return 0;
	if (o->health)
		return health__run(o->health);
	log__setup(o->quiet, o->verbose);
	if (o->probe)
		return probe_report__run(o);
	return o->replay ? replay__run(o) : live__run(o);
}

int main(int argc, char **argv)
{
	static struct options options;
	int status;

	strays__note();
	status = options__parse(&options, argc, argv);
	if (status)
		return status;
	status = run(&options);
	options__free(&options);
	return status;
}
