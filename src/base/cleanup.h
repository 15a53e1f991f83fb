/* Ownership made visible: CLEANUP(freep) char *text = …; return TAKE_POINTER(text); */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

#define TAKE_POINTER(pointer)                                                                                                  \
    ({                                                                                                                         \
        __typeof__(pointer) *take_from_ = &(pointer);                                                                          \
        __typeof__(pointer) taken_ = *take_from_;                                                                              \
        *take_from_ = NULL;                                                                                                    \
        taken_;                                                                                                                \
    })

#define TAKE_FD(fd)                                                                                                            \
    ({                                                                                                                         \
        int *take_from_ = &(fd);                                                                                               \
        int taken_ = *take_from_;                                                                                              \
        *take_from_ = -1;                                                                                                      \
        taken_;                                                                                                                \
    })

/* Defines typep() for use with CLEANUP out of a destructor that takes NULL. */
#define DEFINE_CLEANUP(type, destructor)                                                                                       \
    static inline void destructor##p(type *pointer)                                                                            \
    {                                                                                                                          \
        if (*pointer)                                                                                                          \
            destructor(*pointer);                                                                                              \
    }

static inline void freep(void *pointer)
{
    free(*(void **)pointer);
}

static inline void close_fdp(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
