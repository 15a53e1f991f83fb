/* What can be changed of a NIC while it is plugged: update-interface, domif-setlink, domif-getlink, domiftune. */
#include <string.h>

#include "base/memory.h"
#include "cli_internal.h"
#include "model/option.h"

/* takes body */
static json_t *change(struct command *command, const json_t *nic, json_t *body)
{
    CLEANUP(freep)
    char *path = call_path("/v1/vms/%s/nics/%s", arguments_get(command, "domain"), document_string(nic, "nic", ""));
    json_t *answer = call_daemon(command, "PATCH", path, body);

    if (answer && !command->json)
        card_print_warnings(command, answer);
    return answer;
}

/* The settings that the options state, of the NIC that a word names. */
static json_t *change_settings(struct command *command, const char *word)
{
    struct nic settings = {0};
    CLEANUP(document_freep) json_t *nic = card_find(command, word);
    json_t *body;

    if (!nic)
        return NULL;
    arguments_settings(command, &settings);
    body = card_settings(&settings);
    nic_clear(&settings);
    card_add_scope(command, body);
    return change(command, nic, body);
}

static bool states_anything(const struct command *command)
{
    for (size_t i = 0; i < VERB_OPTIONS && command->verb->options[i].name; i++)
        if (command->verb->options[i].key && command->options[i])
            return true;
    return false;
}

int card_update(struct command *command)
{
    const char *mac = arguments_option(command, "mac");
    CLEANUP(document_freep) json_t *answer = NULL;
    uint8_t bytes[6];
    int result = card_check_scope(command);

    if (result != EXIT_DONE)
        return result;
    if (!mac)
        return arguments_usage_error(command, "--mac is missing: which NIC");
    if (text_mac(mac, bytes) < 0)
        return arguments_usage_error(command, "--mac wants a MAC address like 52:54:00:00:00:11");
    if (!states_anything(command))
        return arguments_usage_error(command, "nothing to change is named");
    answer = change_settings(command, mac);
    if (!answer)
        return EXIT_FAILED;
    if (command->json)
        return output_json(answer);
    printf("Interface updated successfully\n");
    return EXIT_DONE;
}

int card_set_link(struct command *command)
{
    CLEANUP(document_freep) json_t *nic = card_find(command, arguments_get(command, "interface"));
    CLEANUP(document_freep) json_t *answer = NULL;
    json_t *body;

    if (!nic)
        return EXIT_FAILED;
    body = json_pack("{s:s}", "link", arguments_get(command, "state"));
    json_object_set_new(body, arguments_flag(command, "config") ? "config" : "current", json_true());
    answer = change(command, nic, body);
    if (!answer)
        return EXIT_FAILED;
    if (command->json)
        return output_json(answer);
    printf("Device updated successfully\n");
    return EXIT_DONE;
}

int card_get_link(struct command *command)
{
    const char *word = arguments_get(command, "interface");
    CLEANUP(document_freep) json_t *nic = card_find(command, word);
    CLEANUP(document_freep) json_t *json = NULL;
    const char *link = document_string(nic, "link", "?");

    if (!nic)
        return EXIT_FAILED;
    json = json_pack("{s:s, s:s}", "interface", word, "link", link);
    if (command->json)
        return output_json(json);
    output_print("%s %s\n", word, link);
    return EXIT_DONE;
}

/* virsh's lines; trestle has no floor. */
static void print_rate(const char *direction, const struct rate *rate, bool floor)
{
    CLEANUP(freep) char *average = memory_format("%s.average", direction);
    CLEANUP(freep) char *peak = memory_format("%s.peak", direction);
    CLEANUP(freep) char *burst = memory_format("%s.burst", direction);

    output_print("%-15s: %u\n%-15s: %u\n%-15s: %u\n", average, rate->average, peak, rate->peak, burst, rate->burst);
    if (floor)
        output_print("%s.floor  : 0\n", direction);
}

static struct rate rate_of(const json_t *nic, const char *key, const char *member)
{
    const char *text = document_string(nic, member, NULL);
    struct nic parsed = {0};

    if (text)
        option_parse(option_find(OPTION_NIC, NULL, key, NULL), &parsed, text, NULL);
    return strcmp(member, "inbound") ? parsed.outbound : parsed.inbound;
}

static json_t *rate_json(const struct rate *rate)
{
    return json_pack("{s:I, s:I, s:I}", "average", (json_int_t)rate->average, "peak", (json_int_t)rate->peak, "burst",
                     (json_int_t)rate->burst);
}

static int show_rates(struct command *command)
{
    CLEANUP(document_freep) json_t *nic = card_find(command, arguments_get(command, "interface"));
    CLEANUP(document_freep) json_t *json = NULL;
    struct rate inbound, outbound;

    if (!nic)
        return EXIT_FAILED;
    inbound = rate_of(nic, "Inbound", "inbound");
    outbound = rate_of(nic, "Outbound", "outbound");
    if (command->json) {
        json = json_pack("{s:o, s:o}", "inbound", rate_json(&inbound), "outbound", rate_json(&outbound));
        return output_json(json);
    }
    print_rate("inbound", &inbound, true);
    print_rate("outbound", &outbound, false);
    return EXIT_DONE;
}

/* As in virsh, what was set is not said: no word is success. */
int card_tune(struct command *command)
{
    CLEANUP(document_freep) json_t *answer = NULL;
    int result = card_check_scope(command);

    if (result != EXIT_DONE)
        return result;
    if (!states_anything(command))
        return show_rates(command);
    answer = change_settings(command, arguments_get(command, "interface"));
    if (!answer)
        return EXIT_FAILED;
    return command->json ? output_json(answer) : EXIT_DONE;
}
