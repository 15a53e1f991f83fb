#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "reconcile/reconcile_internal.h"

void event_emit(struct reconciler *reconciler, const char *type, const char *object, const char *format, ...)
{
    char line[500];
    va_list arguments;
    struct reconcile_event event = {.id = ++reconciler->last_event, .type = type, .object = object, .text = line};

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    /* What somebody else undid, and how a VM began and ended, must be in the log without being asked for. */
    log_line(text_equal(type, "repair") || text_equal(type, "vm") ? LOG_LEVEL_NOTICE : LOG_LEVEL_INFO, "%s %s: %s", type, object, line);
    if (reconciler->listener)
        reconciler->listener(reconciler->listener_context, &event);
}
