/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Network namespaces for tests that need interfaces of their own: the whole program moves into one,
 * and can make others beside it, as hosts of a LAN. Nothing it sends leaves them.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* To be called first of all in main. FALSE: namespaces cannot be made here; @why says so. */
gboolean netns_enter (const char **why);

/* Runs "ip @format" in the namespace that is current. */
void     netns_ip    (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* Waits until the interface of that name, in the current namespace, runs: the kernel sees the carrier of a
 * cable up to a second after both its ends are set up. An error of the test after ten seconds or more. */
void     netns_await_running (const char *name);

/* Another host, with `lo` up. Its first member is the id of a process that lives in it, for
 * "ip link set DEV netns PID". */
typedef struct
{
  int pid;
  int fd;
} NetnsHost;

void     netns_host_init  (NetnsHost *host);
void     netns_host_clear (NetnsHost *host);
/* What is done next is done there. NULL: in the program's own. */
void     netns_switch     (NetnsHost *host);

G_END_DECLS
