/* Rules of policy routing, wanted against observed. They hang on no link: one may name an interface that is not there yet. */
#include <stdio.h>
#include <sys/socket.h>

#include "model/diff_internal.h"

static void plan_step(struct diff *diff, enum step_op op, const char *name, const struct rule *rule)
{
    char value[RULE_TEXT_SIZE], line[RULE_TEXT_SIZE + 32];

    snprintf(line, sizeof(line), "%s%s rule %s", op == STEP_RULE_ADD ? "add" : "remove", rule->family == AF_INET6 ? " IPv6" : "",
             rule_text(rule, value));
    diff_add_step(diff, op, name, line)->rule = *rule;
}

static bool is_wanted(const struct diff *diff, const struct rule *observed)
{
    for (size_t i = 0; i < diff->wanted->rule_count; i++)
        if (rule_matches(&diff->wanted->rules[i], observed))
            return true;
    return false;
}

static const struct rule *find(const struct network *network, const struct rule *rule)
{
    for (size_t i = 0; i < network->rule_count; i++)
        if (rule_matches(rule, &network->rules[i]))
            return &network->rules[i];
    return NULL;
}

void rule_diff_delete(struct diff *diff)
{
    for (size_t i = 0; i < diff->previous->rule_count; i++) {
        const struct rule *previous = &diff->previous->rules[i], *observed = find(diff->observed, previous);

        if (observed && !is_wanted(diff, observed))
            plan_step(diff, STEP_RULE_DELETE, previous->stated_by, observed);
    }
}

void rule_diff_add(struct diff *diff)
{
    for (size_t i = 0; i < diff->wanted->rule_count; i++) {
        const struct rule *rule = &diff->wanted->rules[i];
        size_t stated_by = diff_index(diff->wanted, rule->stated_by);

        if (!find(diff->observed, rule) && !(stated_by != SIZE_MAX && diff->skipped[stated_by]))
            plan_step(diff, STEP_RULE_ADD, rule->stated_by, rule);
    }
}
