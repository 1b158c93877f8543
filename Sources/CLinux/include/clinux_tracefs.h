// A tracefs of one's own, without mounting anything where others can see it.
#pragma once

// Answers a close-on-exec descriptor of the root directory of a tracefs that is attached nowhere; the mount is gone
// when the last descriptor below it is closed. Needs CAP_SYS_ADMIN and Linux 5.2.
int clinux_tracefs_detached(void);
