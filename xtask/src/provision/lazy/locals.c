/* Destructors of the program's thread-local values, without the dynamic linker's lock.
 *
 * glibc's own __cxa_thread_atexit_impl takes the lock that dlopen holds while it runs a library's initialisers, so a
 * thread that uses a thread-local value for the first time waits until the library is loaded: with libtorch a third
 * of a second, in which no request is answered. Rust's standard library calls the function only if there is one and
 * otherwise keeps such a list under a thread-specific key, as this does. Hidden: libraries go on using glibc's, which
 * keeps a library from being unloaded before its destructors have run; the program itself never is.
 */
#include <pthread.h>
#include <stdlib.h>

typedef void (*destructor)(void *);

struct value {
    destructor destroy;
    void *object;
    struct value *before;
};

int tidegate_quiet_locals;

static __thread struct value *last;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Latest first, those included that a destructor adds. */
static void destroy_all(void *unused) {
    (void)unused;
    while (last) {
        struct value *value = last;
        last = value->before;
        value->destroy(value->object);
        free(value);
    }
}

static void make_key(void) {
    if (pthread_key_create(&key, destroy_all)) {
        abort();
    }
}

__attribute__((visibility("hidden"))) int __cxa_thread_atexit_impl(destructor destroy, void *object, void *library) {
    (void)library;
    pthread_once(&once, make_key);
    struct value *value = malloc(sizeof *value);
    if (!value) {
        return -1;
    }
    value->destroy = destroy;
    value->object = object;
    value->before = last;
    last = value;
    /* Any value but NULL has the key's destructor called at the thread's end. */
    pthread_setspecific(key, &key);
    return 0;
}
