/* When to try again: doubles from `first` to `longest` seconds, starts anew after a success. Pure: the time is an argument. */
#pragma once

#include <stdbool.h>

struct backoff {
    double first, longest;
    double delay; /* 0 = nothing failed yet */
    double next;  /* not before this time */
    unsigned failures;
};

void backoff_init(struct backoff *backoff, double first, double longest);
void backoff_failed(struct backoff *backoff, double now);
void backoff_succeeded(struct backoff *backoff);
bool backoff_may_try(const struct backoff *backoff, double now);
