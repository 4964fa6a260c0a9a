/* What the clients in C have in common: the arguments that src/job.rs describes, and the report that
 * src/report.rs reads. */

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct job {
    char *address, *path, *warm_path, *stall_address, *ca;
    uint64_t length, requests, warm_length, warm_up, stall_part, read;
    size_t connections, stalled;
    int queued, fresh, resume;
};

static struct job job;

static void fail(const char *what)
{
    fprintf(stderr, "client: %s\n", what);
    exit(1);
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t status_kib(const char *name)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    uint64_t kib = 0;
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name)))
            kib = strtoull(line + strlen(name), NULL, 10);
    if (!file || !kib)
        fail("/proc/self/status");
    fclose(file);
    return kib;
}

static void parse(int count, char **words)
{
    static const struct option options[] = {
        {"address", 1, 0, 'a'},     {"path", 1, 0, 'p'},          {"length", 1, 0, 'l'},
        {"requests", 1, 0, 'n'},    {"connections", 1, 0, 'c'},   {"warm-path", 1, 0, 'P'},
        {"warm-length", 1, 0, 'L'}, {"warm-up", 1, 0, 'w'},       {"stall-address", 1, 0, 'A'},
        {"stall-part", 1, 0, 'S'},  {"stalled", 1, 0, 's'},       {"read", 1, 0, 'r'},
        {"queued", 0, 0, 'q'},      {"fresh", 0, 0, 'f'},         {"ca", 1, 0, 'C'},
        {"resume", 0, 0, 'R'},      {0, 0, 0, 0},
    };
    int option;
    while ((option = getopt_long(count, words, "", options, NULL)) != -1) {
        uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;
        switch (option) {
        case 'a': job.address = optarg; break;
        case 'p': job.path = optarg; break;
        case 'l': job.length = number; break;
        case 'n': job.requests = number; break;
        case 'c': job.connections = number; break;
        case 'P': job.warm_path = optarg; break;
        case 'L': job.warm_length = number; break;
        case 'w': job.warm_up = number; break;
        case 'A': job.stall_address = optarg; break;
        case 'S': job.stall_part = number; break;
        case 's': job.stalled = number; break;
        case 'r': job.read = number; break;
        case 'q': job.queued = 1; break;
        case 'f': job.fresh = 1; break;
        case 'C': job.ca = optarg; break;
        case 'R': job.resume = 1; break;
        default: fail("unknown argument");
        }
    }
    if (!job.address || !job.path || !job.warm_path || !job.stall_address)
        fail("an address or a path is missing");
}

/* What was measured since these readings of the clocks. */
static void report(int64_t wall_us, int64_t cpu_us, uint64_t stalled_kib)
{
    cpu_us = clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu_us;
    wall_us = clock_us(CLOCK_MONOTONIC) - wall_us;
    printf("requests %llu wall_ns %lld cpu_ns %lld stalled_kib %llu peak_kib %llu\n",
           (unsigned long long)job.requests, (long long)wall_us * 1000, (long long)cpu_us * 1000,
           (unsigned long long)stalled_kib, (unsigned long long)status_kib("VmHWM:"));
}
