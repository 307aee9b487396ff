/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviFork: what a child of fork () must not have of its parent. A child has one thread, so nothing in it
 * serves the descriptors that it shares with its parent: as long as it has them, the parent's port is taken
 * and its lock is held, also when the parent has gone. Those told to avi_fork_guard are closed in every child.
 * Whoever remembers the generation sees whether it is still in the process where it was made.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Before the first use of what follows; any number of times. */
void  avi_fork_init           (void);
/* Another number in the parent and in the child; costs no system call. */
guint avi_fork_get_generation (void);
/* @fd was opened, and is to be closed by avi_fork_close. */
void  avi_fork_guard          (int fd);
void  avi_fork_close          (int fd);

G_END_DECLS
