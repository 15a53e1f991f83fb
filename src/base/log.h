/* One line per event on stderr, with a level; with the journal's <N> prefix where stderr is what $JOURNAL_STREAM names. Control
 * characters in the text become spaces, so that nobody can forge a line. The level is "info" at first. Libraries fill errors
 * instead: only the API's handlers, the reconciler and main log. */
#pragma once

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

int log_set_level(const char *name); /* error | warning | notice | info | debug; -EINVAL for anything else */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
