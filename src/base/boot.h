/* This boot of the machine: what the kernel holds is lost with it. */
#pragma once

#include <stddef.h>

struct error;

enum { BOOT_ID_SIZE = 40 }; /* 36 characters, and room */

int boot_id(char id[BOOT_ID_SIZE], struct error *err); /* the kernel's random_boot_id; another one after each boot */
double boot_time(void); /* seconds since the boot, suspended ones too (CLOCK_BOOTTIME) */
