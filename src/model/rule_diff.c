/* Rules of policy routing, wanted against observed. They hang on no link: one may name an interface that is not there yet. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/memory.h"
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

/* The rule that the kernel would delete for this one, when it is another. */
static const struct rule *find_mistaken(const struct network *observed, const bool *gone, const struct rule *rule)
{
    for (size_t i = 0; i < observed->rule_count; i++) {
        const struct rule *other = &observed->rules[i];

        if (!(gone && gone[i]) && rule_is_taken_for(rule, other))
            return rule_matches(rule, other) ? NULL : other;
    }
    return NULL;
}

static void tell_mistaken(struct diff *diff, const struct rule *rule, const char *name, const struct rule *other)
{
    const struct interface *wanted = network_find(diff->wanted, name);
    char value[RULE_TEXT_SIZE], text[RULE_TEXT_SIZE];

    problems_add(diff->problems, true, wanted ? wanted->file : NULL, 0, 0,
                 "%s: rule %s stays: the kernel would delete rule %s in its place; remove both, and add that one again", name,
                 rule_text(rule, value), rule_text(other, text));
}

/* One after the other, because a rule may stand before another one that goes too. */
static bool plan_deletions(struct diff *diff, bool *gone, bool tell)
{
    bool any = false;

    for (size_t i = 0; i < diff->previous->rule_count; i++) {
        const struct rule *previous = &diff->previous->rules[i], *observed = find(diff->observed, previous), *mistaken;
        size_t index = observed ? (size_t)(observed - diff->observed->rules) : 0;

        if (!observed || gone[index] || is_wanted(diff, observed))
            continue;
        mistaken = find_mistaken(diff->observed, gone, observed);
        if (mistaken && tell)
            tell_mistaken(diff, observed, previous->stated_by, mistaken);
        if (mistaken)
            continue;
        plan_step(diff, STEP_RULE_DELETE, previous->stated_by, observed);
        any = gone[index] = true;
    }
    return any;
}

void rule_diff_delete(struct diff *diff)
{
    bool *gone = memory_new(diff->observed->rule_count + 1);

    while (plan_deletions(diff, gone, false))
        continue;
    plan_deletions(diff, gone, true);
    free(gone);
}

/* Somebody else's, which the kernel would delete when the wanted one is taken back. */
static const struct rule *find_endangered(const struct diff *diff, const struct rule *rule)
{
    const struct rule *other = find_mistaken(diff->observed, NULL, rule);

    return other && !is_wanted(diff, other) && !find(diff->previous, other) ? other : NULL;
}

static void refuse(struct diff *diff, const struct rule *rule, const struct rule *other)
{
    const struct interface *wanted = network_find(diff->wanted, rule->stated_by);
    char value[RULE_TEXT_SIZE], text[RULE_TEXT_SIZE];

    problems_add(diff->problems, false, wanted ? wanted->file : NULL, 0, 0,
                 "%s: rule %s can't be told from the host's rule %s, which no file states, when it is removed: give it another priority",
                 rule->stated_by, rule_text(rule, value), rule_text(other, text));
}

void rule_diff_add(struct diff *diff)
{
    for (size_t i = 0; i < diff->wanted->rule_count; i++) {
        const struct rule *rule = &diff->wanted->rules[i];
        size_t stated_by = network_index(diff->wanted, rule->stated_by);

        const struct rule *endangered;

        if (find(diff->observed, rule) || (stated_by != SIZE_MAX && diff->skipped[stated_by]))
            continue;
        endangered = rule->has_priority ? find_endangered(diff, rule) : NULL; /* without one it comes before all others */
        if (endangered)
            refuse(diff, rule, endangered);
        else
            plan_step(diff, STEP_RULE_ADD, rule->stated_by, rule);
    }
}
