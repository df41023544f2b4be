/* Loads @FILE@ when the first of its functions is called, or when asked to, and binds functions one by one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS @COUNT@

extern void *tidegate_@NAME@_table[FUNCTIONS];
extern const char tidegate_@NAME@_names[];
extern void *tidegate_@NAME@_callbacks[];

static const char *names[FUNCTIONS];
static void *library;
static char reason[1024];
static pthread_once_t once = PTHREAD_ONCE_INIT;

#if @QUIET@
extern int tidegate_quiet_locals;
#endif

static void load(void) {
#if @QUIET@
    tidegate_quiet_locals = 1; /* brings the other object in */
#endif
    const char *name = tidegate_@NAME@_names;
    for (int i = 0; i < FUNCTIONS; i++) {
        names[i] = name;
        name += strlen(name) + 1;
    }
    library = dlopen("@FILE@", RTLD_LAZY | RTLD_GLOBAL);
    if (!library) {
        snprintf(reason, sizeof reason, "%s", dlerror());
        return;
    }
    void (*give)(void **) = (void (*)(void **))dlsym(library, "tidegate_@NAME@_take_callbacks");
    if (give) {
        give(tidegate_@NAME@_callbacks);
    }
}

/* NULL when the library is loaded, else why it cannot be. */
const char *tidegate_@NAME@_load(void) {
    pthread_once(&once, load);
    return library ? NULL : reason;
}

/* The address of function i; called once per function, by its stub. */
void *tidegate_@NAME@_resolve(unsigned long i) {
    pthread_once(&once, load);
    void *found = library ? dlsym(library, names[i]) : NULL;
    if (!found) {
        fprintf(stderr, "@FILE@: %s: %s\n", names[i], library ? "it has no such function" : reason);
        abort();
    }
    __atomic_store_n(&tidegate_@NAME@_table[i], found, __ATOMIC_RELEASE);
    return found;
}
