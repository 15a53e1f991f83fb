/* Words out of files and requests, made fit to stand in a message. */
#pragma once

#include <stdbool.h>

#define QUOTE_SIZE 72

/* text between double quotes in `buffer`, which is returned: cut to a readable length (with "…"), control characters and bytes
 * that are no UTF-8 replaced by '?'. NULL reads as an empty text. */
const char *quote_text(const char *text, char buffer[QUOTE_SIZE]);

/* Is the whole of text UTF-8 without control characters? Only such text can go into JSON, messages and files and come back. */
bool quote_is_plain(const char *text);
