/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/avi-fork.h"

/* In more than one word of what is remembered. */
#define HIGH_DESCRIPTOR 300

static gboolean
is_open (int fd)
{
  return fcntl (fd, F_GETFD) >= 0;
}

static int
open_at (int number)
{
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  if (number < 0)
    return fd;
  g_assert_cmpint (fcntl (fd, F_DUPFD_CLOEXEC, number), ==, number);
  close (fd);
  return number;
}

static void
assert_child_good (pid_t child)
{
  int status;

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
}

static void
test_closed (void)
{
  int guarded = open_at (-1), high = open_at (HIGH_DESCRIPTOR), other = open_at (-1);
  pid_t child;

  avi_fork_guard (guarded);
  avi_fork_guard (high);
  child = fork ();
  if (child == 0)
    _exit (is_open (guarded) || is_open (high) || !is_open (other));
  assert_child_good (child);
  g_assert_true (is_open (guarded));
  g_assert_true (is_open (high));
  avi_fork_close (guarded);
  avi_fork_close (high);
  g_assert_false (is_open (guarded));
  close (other);
}

static void
test_number_of_another (void)
{
  int fd = open_at (-1);
  pid_t child;

  avi_fork_guard (fd);
  avi_fork_close (fd);
  g_assert_cmpint (open_at (-1), ==, fd);
  child = fork ();
  if (child == 0)
    _exit (!is_open (fd));
  assert_child_good (child);
  close (fd);
}

static void
in_grandchild (int of_child, int of_parent)
{
  /* The number is the child's by now, and not guarded there. */
  _exit (is_open (of_child) || !is_open (of_parent));
}

static void
test_grandchild (void)
{
  int fd = open_at (-1);
  pid_t child;

  avi_fork_guard (fd);
  child = fork ();
  if (child == 0)
    {
      int again = open_at (-1), own = open_at (-1);
      pid_t grandchild;

      g_assert_cmpint (again, ==, fd);
      avi_fork_guard (own);
      grandchild = fork ();
      if (grandchild == 0)
        in_grandchild (own, again);
      assert_child_good (grandchild);
      _exit (0);
    }
  assert_child_good (child);
  avi_fork_close (fd);
}

static void
test_generation (void)
{
  guint generation = avi_fork_get_generation ();
  pid_t child = fork ();

  if (child == 0)
    _exit (avi_fork_get_generation () == generation);
  assert_child_good (child);
  g_assert_cmpuint (avi_fork_get_generation (), ==, generation);
}

int
main (int argc, char **argv)
{
  avi_fork_init ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fork/a guarded descriptor is closed in a child, and in no other process", test_closed);
  g_test_add_func ("/fork/once closed, the number of a descriptor is not guarded", test_number_of_another);
  g_test_add_func ("/fork/a child guards what it opens, and not what its parent had", test_grandchild);
  g_test_add_func ("/fork/a child is of another generation", test_generation);
  return g_test_run ();
}
