#include "backoff.h"

void backoff_init(struct backoff *backoff, double first, double longest)
{
    *backoff = (struct backoff){.first = first, .longest = longest};
}

void backoff_failed(struct backoff *backoff, double now)
{
    backoff->delay = backoff->failures ? backoff->delay * 2 : backoff->first;
    if (backoff->delay > backoff->longest)
        backoff->delay = backoff->longest;
    backoff->next = now + backoff->delay;
    backoff->failures++;
}

void backoff_succeeded(struct backoff *backoff)
{
    backoff_init(backoff, backoff->first, backoff->longest);
}

bool backoff_may_try(const struct backoff *backoff, double now)
{
    return backoff->failures == 0 || now >= backoff->next;
}
