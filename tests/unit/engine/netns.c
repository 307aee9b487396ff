/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int own_fd = -1;

static gboolean
write_file (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  gboolean good = fd >= 0 && write (fd, text, strlen (text)) == (gssize) strlen (text);

  if (fd >= 0)
    close (fd);
  return good;
}

/* A user namespace gives those who are not root the rights over a network namespace of their own. */
static gboolean
unshare_as_user (void)
{
  char map[64];

  snprintf (map, sizeof map, "0 %u 1", (unsigned) getuid ());
  return unshare (CLONE_NEWUSER | CLONE_NEWNET) == 0 && write_file ("/proc/self/uid_map", map);
}

gboolean
netns_enter (const char **why)
{
  g_autofree char *ip = g_find_program_in_path ("ip");

  if (ip == NULL)
    {
      *why = "there is no “ip” command";
      return FALSE;
    }
  if (unshare (CLONE_NEWNET) != 0 && !unshare_as_user ())
    {
      *why = "network namespaces cannot be made here";
      return FALSE;
    }
  own_fd = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (own_fd, >=, 0);
  return TRUE;
}

void
netns_ip (const char *format, ...)
{
  g_autofree char *arguments = NULL;
  g_autofree char *command = NULL;
  g_autoptr(GError) error = NULL;
  va_list args;
  int status;

  va_start (args, format);
  arguments = g_strdup_vprintf (format, args);
  va_end (args);
  command = g_strdup_printf ("ip %s", arguments);
  g_spawn_command_line_sync (command, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  if (status != 0)
    g_error ("“%s” failed", command);
}

static gboolean
is_running (int fd, const char *name)
{
  struct ifreq request = { 0 };

  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  g_assert_cmpint (ioctl (fd, SIOCGIFFLAGS, &request), ==, 0);
  return (request.ifr_flags & IFF_RUNNING) != 0;
}

void
netns_await_running (const char *name)
{
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  for (guint i = 0; !is_running (fd, name); i++)
    {
      g_assert_cmpuint (i, <, 10000);
      g_usleep (1000);
    }
  close (fd);
}

static void
live_in_namespace (int ready)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (unshare (CLONE_NEWNET) != 0 || write (ready, "", 1) != 1)
    _exit (1);
  for (;;)
    pause ();
}

void
netns_host_init (NetnsHost *host)
{
  g_autofree char *path = NULL;
  int ready[2];
  char byte;

  g_assert_cmpint (pipe (ready), ==, 0);
  host->pid = fork ();
  g_assert_cmpint (host->pid, >=, 0);
  if (host->pid == 0)
    live_in_namespace (ready[1]);
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  close (ready[0]);
  close (ready[1]);

  path = g_strdup_printf ("/proc/%d/ns/net", host->pid);
  host->fd = open (path, O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (host->fd, >=, 0);
  netns_switch (host);
  netns_ip ("link set lo up");
  netns_switch (NULL);
}

void
netns_host_clear (NetnsHost *host)
{
  close (host->fd);
  kill (host->pid, SIGKILL);
  waitpid (host->pid, NULL, 0);
}

void
netns_switch (NetnsHost *host)
{
  g_assert_cmpint (setns (host != NULL ? host->fd : own_fd, CLONE_NEWNET), ==, 0);
}
