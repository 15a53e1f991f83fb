/* What trestle.conf says; rows of scope OPTION_SETTINGS. Read by src/config; here because the option table names its members. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/field.h"

struct settings {
    field_set set;
    char **network_directories; /* [network] Directory=, may stand several times */
    size_t network_directory_count;
    bool repair;
    char *vm_directory;
    char *qemu_binary;
    char *qemu_user;
    char *ovs_database;
    char *api_group, *api_read_only_group;
};
