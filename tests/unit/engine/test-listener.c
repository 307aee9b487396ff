/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Listening sockets of a running core: what stands in the way of them, whom they turn away, what happens
 * when descriptors run out, and that they end for all who hold them.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "avi-error.h"
#include "clock.h"
#include "core-fixture.h"

#define PAUSE (1 * (gint64) G_USEC_PER_SEC)

static void
set_up (CoreFixture *fixture, gconstpointer data)
{
  core_fixture_init (fixture);
}

static void
tear_down (CoreFixture *fixture, gconstpointer data)
{
  core_fixture_clear (fixture);
}

/* --- what stands in the way --- */

static void
assert_fails (CoreFixture *fixture, const char *address, AviError code)
{
  const char *listen[] = { address, NULL };
  g_autoptr(GError) error = NULL;

  fixture->settings.listen = listen;
  g_assert_false (core_fixture_try_start (fixture, &error));
  g_assert_error (error, AVI_ERROR, (gint) code);
  g_assert_nonnull (strstr (error->message, address));
}

static void
test_errors (CoreFixture *fixture, gconstpointer data)
{
  CoreFixture before;
  g_autofree char *taken = NULL;

  core_fixture_init (&before);
  core_fixture_start (&before);
  taken = core_fixture_format ("127.0.0.1", core_fixture_get_port (&before), NULL);
  assert_fails (fixture, taken, AVI_ERROR_ALREADY_EXISTS);
  core_fixture_clear (&before);
  assert_fails (fixture, "/ip4/192.0.2.1/tcp/0", AVI_ERROR_NOT_FOUND);
  assert_fails (fixture, "/ip4/127.0.0.1/udp/4001/quic-v1", AVI_ERROR_INVALID_ARGUMENT);
  assert_fails (fixture, "/dns4/localhost/tcp/0", AVI_ERROR_INVALID_ARGUMENT);
}

static void
test_many (CoreFixture *fixture, gconstpointer data)
{
  const char *listen[65] = { NULL };
  g_autoptr(GError) error = NULL;
  struct rlimit before, few;
  int first = dup (STDIN_FILENO);

  close (first);
  for (guint i = 0; i + 1 < G_N_ELEMENTS (listen); i++)
    listen[i] = "/ip4/127.0.0.1/tcp/0";
  fixture->settings.listen = listen;
  g_main_context_default ();
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &before), ==, 0);
  few = before;
  few.rlim_cur = (rlim_t) first + 48;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &few), ==, 0);
  g_assert_false (core_fixture_try_start (fixture, &error));
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, listen[0]));
}

/* --- who comes --- */

static int
make_socket (void)
{
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static int
try_connect (int fd, guint16 port)
{
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = g_htons (port),
                            .sin_addr.s_addr = g_htonl (INADDR_LOOPBACK) };

  return connect (fd, (struct sockaddr *) &to, sizeof to);
}

/* The device says nothing before it is spoken to. */
static gboolean
has_ended (int fd)
{
  char byte;

  return recv (fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void
test_limit (CoreFixture *fixture, gconstpointer data)
{
  int fds[3];

  fixture->settings.max_connections_per_address = 2;
  core_fixture_start (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = make_socket ();
      g_assert_cmpint (try_connect (fds[i], core_fixture_get_port (fixture)), ==, 0);
      core_fixture_settle (fixture);
    }
  g_assert_false (has_ended (fds[0]));
  g_assert_false (has_ended (fds[1]));
  g_assert_true (has_ended (fds[2]));
  g_assert_cmpuint (core_fixture_count (fixture, "refused-max-connections-per-address"), ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

/* Says the first words; who was accepted hears the same. */
static void
greet (int fd)
{
  static const char words[] = "\x13/multistream/1.0.0\n";

  g_assert_cmpint (send (fd, words, strlen (words), MSG_NOSIGNAL), ==, (ssize_t) strlen (words));
}

static gboolean
is_answered (int fd)
{
  char byte;

  return recv (fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
}

static _Atomic int additions_to_fail;

/* In place of the C library's, for the engine is linked into this program. */
int
epoll_ctl (int epoll_fd, int op, int fd, struct epoll_event *event)
{
  if (op == EPOLL_CTL_ADD && additions_to_fail > 0)
    {
      additions_to_fail--;
      errno = ENOMEM;
      return -1;
    }
  return (int) syscall (SYS_epoll_ctl, epoll_fd, op, fd, event);
}

/* It waits at the kernel meanwhile, and is not lost. @n_failures: as often the socket cannot be watched again. */
static void
pause_and_go_on (CoreFixture *fixture, guint n_failures)
{
  struct rlimit before, none;
  int fd = make_socket ();
  guint16 port;
  int first;

  clock_stop ();
  core_fixture_start (fixture);
  port = core_fixture_get_port (fixture);
  first = dup (STDIN_FILENO);
  close (first);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &before), ==, 0);
  none = before;
  none.rlim_cur = (rlim_t) first;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  g_assert_cmpint (try_connect (fd, port), ==, 0);
  greet (fd);
  core_fixture_settle (fixture);
  g_assert_false (is_answered (fd));

  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);
  clock_advance (PAUSE - 1);
  core_fixture_settle (fixture);
  g_assert_false (is_answered (fd));
  additions_to_fail = (int) n_failures;
  clock_advance (1);
  core_fixture_settle (fixture);
  core_fixture_settle (fixture);
  g_assert_cmpint (additions_to_fail, ==, MAX (0, (int) n_failures - 1));
  for (guint i = 0; i < n_failures; i++)
    {
      g_assert_false (is_answered (fd));
      clock_advance (PAUSE);
      core_fixture_settle (fixture);
      core_fixture_settle (fixture);
    }
  g_assert_cmpint (additions_to_fail, ==, 0);
  g_assert_true (is_answered (fd));
  close (fd);
  clock_go_on ();
}

static void
test_pause (CoreFixture *fixture, gconstpointer data)
{
  pause_and_go_on (fixture, 0);
}

static void
test_pause_again (CoreFixture *fixture, gconstpointer data)
{
  pause_and_go_on (fixture, 2);
}

/* --- the end --- */

static pid_t
fork_holder (void)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid != 0)
    return pid;
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  for (;;)
    pause ();
}

static void
test_fork (CoreFixture *fixture, gconstpointer data)
{
  int fd = make_socket ();
  guint16 port;
  pid_t child;

  core_fixture_start (fixture);
  port = core_fixture_get_port (fixture);
  child = fork_holder ();
  core_fixture_stop (fixture);
  g_assert_cmpint (try_connect (fd, port), <, 0);
  g_assert_cmpint (errno, ==, ECONNREFUSED);
  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
  close (fd);
}

#define ADD(path, func) g_test_add (path, CoreFixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  clock_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("/listener/an address that is taken, not here or not of TCP is an error that names it", test_errors);
  ADD ("/listener/more addresses than there are descriptors is a limit", test_many);
  ADD ("/listener/who comes beyond a limit is turned away", test_limit);
  ADD ("/listener/accepting pauses while descriptors have run out, and goes on", test_pause);
  ADD ("/listener/where it cannot go on accepting pauses again", test_pause_again);
  ADD ("/listener/after the stop nobody listens, though a forked child holds the socket", test_fork);
  return g_test_run ();
}
