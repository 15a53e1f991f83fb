/* JSON documents from outside (QMP, OVSDB, the API) and from our own state: bounded, strict, and short to read from. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "text.h"

struct error;

enum { DOCUMENT_DEPTH = 64, DOCUMENT_SIZE = 64 << 20 };

/* Parses one object or array. -EMSGSIZE beyond DOCUMENT_SIZE bytes, -EINVAL with line and column for what is wrong: duplicate
 * keys and more than DOCUMENT_DEPTH levels too. The caller owns the result: document_free. */
int document_parse(const char *text, size_t length, json_t **ret_document, struct error *err);

/* One line without blanks; "null" for NULL. The caller frees it. */
char *document_text(const json_t *document);

/* Adds a string as a document has it, in quotes; "null" for one that is not UTF-8. */
void document_add_string(struct text *text, const char *string);
/* Adds an object, which it takes, without its closing brace: members that are written by hand follow. */
void document_add_open(struct text *text, json_t *object);
void document_add_member(struct text *text, const char *before, const char *key, const char *string); /* {"KEY":"STRING" with before = "{" */

void document_free(json_t *document); /* drops one reference; NULL is fine */
DEFINE_CLEANUP(json_t *, document_free)

/* A member of an object, or `fallback` when there is no object, no such key, or another type there. */
const char *document_string(const json_t *object, const char *key, const char *fallback); /* borrowed from the object */
int64_t document_number(const json_t *object, const char *key, int64_t fallback);
bool document_boolean(const json_t *object, const char *key, bool fallback);
