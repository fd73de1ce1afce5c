/* SPDX-License-Identifier: Apache-2.0 */
/* pingpong - two MPI processes that send each other a buffer, ROUNDS times there and back. Each prints its pid.
 * pingpong ROUNDS BYTES */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(const char *buf, int size, char want)
{
	if (buf[0] == want && buf[size - 1] == want)
		return;
	fputs("pingpong: other bytes than were sent\n", stderr);
	MPI_Abort(MPI_COMM_WORLD, 1);
}

int main(int argc, char **argv)
{
	int rank, rounds = argc > 1 ? atoi(argv[1]) : 1, size = argc > 2 ? atoi(argv[2]) : 1;
	char *buf;

	if (size < 1)
		return 64;
	buf = calloc(1, (size_t)size);
	if (!buf)
		return 1;
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	if (rank > 1)
		MPI_Abort(MPI_COMM_WORLD, 64);
	for (int i = 0; i < rounds; i++) {
		if (rank == i % 2) {
			memset(buf, i, (size_t)size);
			MPI_Send(buf, size, MPI_CHAR, 1 - rank, 0, MPI_COMM_WORLD);
		} else {
			MPI_Recv(buf, size, MPI_CHAR, 1 - rank, 0, MPI_COMM_WORLD,
				 MPI_STATUS_IGNORE);
			check(buf, size, (char)i);
		}
	}
	printf("{\"rank\":%d,\"pid\":%d}\n", rank, getpid());
	MPI_Finalize();
	free(buf);
	return 0;
}
