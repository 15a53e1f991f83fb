/* Does OBSERVED show what a step was to bring about? */
#include <string.h>

#include "model/diff.h"
#include "model/plan.h"

bool step_shows(const struct step *step, const struct network *observed)
{
    const struct interface *link = network_find(observed, step->interface);

    switch (step->op) {
    case STEP_LINK_CREATE:
        return link;
    case STEP_LINK_DELETE:
        return !link;
    case STEP_LINK_SET:
        return link && !(interface_changed_fields(step->to, link) & step->fields);
    case STEP_ADDRESS_ADD:
    case STEP_ADDRESS_RENEW:
        return interface_has_address(link, &step->address);
    case STEP_ADDRESS_DELETE:
        return !interface_has_address(link, &step->address);
    case STEP_ROUTE_ADD:
        return network_has_route(observed, step->interface, &step->route);
    case STEP_ROUTE_DELETE:
        return !network_has_route(observed, step->interface, &step->route);
    case STEP_RULE_ADD:
        return network_has_rule(observed, &step->rule);
    case STEP_RULE_DELETE:
        return !network_has_rule(observed, &step->rule);
    default:
        return true;
    }
}
