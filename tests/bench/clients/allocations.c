/* Counts the heap allocations of a program into which it is loaded (LD_PRELOAD), and writes the
 * count to the file that MUXFER_ALLOCATIONS names when the program ends.
 *
 * Counts calls of malloc, calloc, realloc and the aligned ones; what calls them makes no
 * difference. Single-threaded programs only: the count is a plain number. */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static unsigned long long allocations;

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    allocations++;
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    allocations++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **into, size_t alignment, size_t size)
{
    allocations++;
    *into = __libc_memalign(alignment, size);
    return *into ? 0 : 12; /* ENOMEM */
}

__attribute__((destructor)) static void tell(void)
{
    unsigned long long count = allocations;
    const char *name = getenv("MUXFER_ALLOCATIONS");
    FILE *file = name ? fopen(name, "w") : NULL;
    if (!file)
        return;
    fprintf(file, "%llu\n", count);
    fclose(file);
}
