#include "base/boot.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

int boot_id(char id[BOOT_ID_SIZE], struct error *err)
{
    CLEANUP(freep) char *text = NULL;
    int result = file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 256, &text, NULL, err);

    if (result < 0)
        return result;
    text[strcspn(text, "\n")] = '\0';
    text_copy(id, BOOT_ID_SIZE, text);
    return 0;
}

double boot_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
