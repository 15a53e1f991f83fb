/* What waits to be confirmed: confirm, rollback, iface-begin, iface-commit, iface-rollback. */
#include <string.h>

#include "base/memory.h"
#include "cli_internal.h"

static const struct {
    const char *verb, *path, *done; /* virsh's words */
} actions[] = {
    {"confirm", "/v1/confirm", "Confirmed: the change stays"},
    {"rollback", "/v1/rollback", "Rolled back: the old state stands"},
    {"iface-begin", "/v1/transaction", "Network config change transaction started"},
    {"iface-commit", "/v1/transaction/commit", "Network config change transaction committed"},
    {"iface-rollback", "/v1/transaction/rollback", "Network config change transaction rolled back"},
};

int pending_run(struct command *command)
{
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        CLEANUP(document_freep) json_t *json = NULL;

        if (strcmp(command->verb->name, actions[i].verb))
            continue;
        json = call_daemon(command, "POST", actions[i].path, json_object());
        if (!json)
            return EXIT_FAILED;
        if (command->json)
            return output_json(json);
        printf("%s\n", actions[i].done);
        return EXIT_DONE;
    }
    return EXIT_FAILED;
}

void pending_print(const json_t *status)
{
    const json_t *pending = json_object_get(status, "pending");
    const char *name = document_string(pending, "name", ""), *unconfirmed = document_string(status, "unconfirmed", NULL);
    const char *taken_back = document_string(status, "taken_back", NULL);

    if (document_boolean(pending, "transaction", false))
        output_print("a transaction is open: 'trestle iface-commit' or 'trestle iface-rollback' ends it\n");
    else if (*name)
        output_print("waits to be confirmed: %s; taken back in %.0f s unless you say 'trestle confirm'\n", name,
                     json_number_value(json_object_get(pending, "seconds")));
    if (unconfirmed)
        output_print("nobody confirmed the last %s, so it was taken back: the files differ from what is wanted until the next apply\n",
                     unconfirmed);
    if (taken_back)
        output_print("nobody confirmed '%s', so it was taken back, with its files: the old state stands\n", taken_back);
}
