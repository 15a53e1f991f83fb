/* Where a change of a NIC is made, by virsh's four words: in the running VM (live), in its file (config), in the one of them that
 * counts now (current), in all that there are (persistent). */
#include "api_internal.h"
#include "base/memory.h"

static const char *const words[] = {"live", "config", "current", "persistent"};
enum { LIVE, CONFIG, CURRENT, PERSISTENT };

static bool refuse(struct api_request *request, const char *word, const char *fault)
{
    CLEANUP(freep) char *text = memory_format("%s %s", word, fault);

    api_answer_problem(request, MHD_HTTP_BAD_REQUEST, text, NULL, NULL);
    return false;
}

static bool resolve(struct api_request *request, const bool given[], bool current, struct reconcile_scope *ret_scope)
{
    struct reconcile_vm vm;
    bool runs = reconcile_vm_find(request->api->reconciler, request->arguments[0], &vm) && vm.observed;
    bool none = !given[LIVE] && !given[CONFIG] && !given[CURRENT] && !given[PERSISTENT];

    for (int i = 0; given[CURRENT] && i <= PERSISTENT; i++)
        if (i != CURRENT && given[i])
            return refuse(request, words[i], "and current are mutually exclusive");
    if (given[CURRENT] || (none && current))
        *ret_scope = (struct reconcile_scope){.live = runs, .config = !runs};
    else
        *ret_scope = (struct reconcile_scope){.live = given[LIVE] || none || (given[PERSISTENT] && runs),
                                              .config = given[CONFIG] || given[PERSISTENT]};
    return true;
}

bool api_scope_of_body(struct api_request *request, json_t *body, bool current, struct reconcile_scope *ret_scope)
{
    bool given[ARRAY_SIZE(words)] = {false};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        const json_t *value = json_object_get(body, words[i]);

        if (value && !json_is_boolean(value) && !json_is_null(value))
            return refuse(request, words[i], "wants true or false");
        given[i] = json_is_true(value);
        json_object_del(body, words[i]);
    }
    return resolve(request, given, current, ret_scope);
}

bool api_scope_of_query(struct api_request *request, struct reconcile_scope *ret_scope)
{
    bool given[ARRAY_SIZE(words)];

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        given[i] = api_request_flag(request, words[i]);
    return resolve(request, given, false, ret_scope);
}
