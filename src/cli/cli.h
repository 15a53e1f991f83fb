/* The command `trestle`: verbs, each an HTTP request to trestled and text or JSON out of its answer. */
#pragma once

/* The whole command; gives its exit status. */
int cli_run(int argc, char **argv);
