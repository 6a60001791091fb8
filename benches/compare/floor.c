/* What a call costs at the least: posix_spawn of a program in a group of its own, with an empty standard input, what it
 * prints on both of its streams read to the end, its status taken.
 *
 * floor THREADS SECONDS PROGRAM [ARGUMENT]...
 *
 * Prints calls a second, the median of one call in microseconds, and the CPU time of one call in microseconds. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
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

static void drain(int out, int err) {
    struct pollfd ends[2] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
    char buffer[65536];
    for (int open = 2; open > 0;) {
        if (poll(ends, 2, -1) < 0) exit(2);
        for (int number = 0; number < 2; number++)
            if (ends[number].revents != 0 && read(ends[number].fd, buffer, sizeof buffer) <= 0) {
                ends[number].fd = -1;
                open--;
            }
    }
}

static void call(void) {
    int out[2], err[2];
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) exit(2);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    pid_t pid;
    if (posix_spawn(&pid, command[0], &actions, &attributes, command, environ) != 0) exit(2);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    close(err[1]);
    drain(out[0], err[0]);
    close(out[0]);
    close(err[0]);
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
