/* What a call costs at the least: posix_spawn of a program, its output read to the end, its status taken.
 *
 * floor THREADS SECONDS PROGRAM [ARGUMENT]...
 *
 * Prints calls a second, the median of one call in microseconds, and the CPU time of one call in microseconds. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_CALLS 1000000

extern char **environ;

static char **command;
static double end;
static double *latencies;
static long calls;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void call(void) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) exit(2);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    pid_t pid;
    if (posix_spawn(&pid, command[0], &actions, NULL, command, environ) != 0) exit(2);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    char buffer[65536];
    while (read(ends[0], buffer, sizeof buffer) > 0) {
    }
    close(ends[0]);
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0) exit(2);
}

static void *loop(void *unused) {
    (void)unused;
    double begin;
    while ((begin = now()) < end) {
        call();
        long number = __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
        if (number < MOST_CALLS) latencies[number] = now() - begin;
    }
    return NULL;
}

static double cpu(int who) {
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int by_length(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

int main(int count, char **words) {
    if (count < 4) return 2;
    int threads = atoi(words[1]);
    command = words + 3;
    latencies = calloc(MOST_CALLS, sizeof *latencies);
    if (threads < 1 || threads > 1024 || latencies == NULL) return 2;
    double begin = now();
    end = begin + atof(words[2]);
    pthread_t loops[1024];
    for (int number = 0; number < threads; number++)
        if (pthread_create(&loops[number], NULL, loop, NULL) != 0) return 2;
    for (int number = 0; number < threads; number++) pthread_join(loops[number], NULL);
    double elapsed = now() - begin;
    long kept = calls < MOST_CALLS ? calls : MOST_CALLS;
    if (kept == 0) return 2;
    qsort(latencies, (size_t)kept, sizeof *latencies, by_length);
    double used = cpu(RUSAGE_SELF) + cpu(RUSAGE_CHILDREN);
    printf("%.3f %.3f %.3f\n", (double)calls / elapsed, latencies[kept / 2] * 1e6, used / (double)calls * 1e6);
    return 0;
}
