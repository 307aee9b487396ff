/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A client of the mosquitto broker to be measured: see ../README.md for what it is asked and answers. An address is
 * the broker's port on 127.0.0.1; QoS 0, in the clear.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <inttypes.h>
#include <mosquitto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE   60 /* seconds */
#define RETRY      20 /* ms */
#define ATTEMPTS   500
#define SETTLE     500 /* ms */
#define WINDOW     4096
#define STEP       (WINDOW / 8)
#define OVERDUE    3 /* seconds */
#define RATE       1000
#define WARM_UP    4
#define BYTES      64
#define MAX_PROBES 100000
#define SECOND     INT64_C (1000000000)

#define HELLO   'h'
#define WARMING 'w'
#define PROBE   'p'
#define LOAD    'x'

typedef struct
{
  uint8_t  kind;
  uint8_t  padding[7];
  uint64_t number;
} Head;

/* What the library's thread writes and the other reads. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int n_subscribed;
static uint64_t n_heard, n_acked, n_answers;
static int64_t times[MAX_PROBES];
static size_t n_times;

static int64_t
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * SECOND + now.tv_nsec;
}

static void
result (const char *name, double value)
{
  printf ("result %s %.3f\n", name, value);
  fflush (stdout);
}

static void
check (int code)
{
  if (code == MOSQ_ERR_SUCCESS)
    return;
  fprintf (stderr, "%s\n", mosquitto_strerror (code));
  exit (1);
}

static void
publish (struct mosquitto *client, const char *topic, uint8_t kind, uint64_t number, int size)
{
  uint8_t data[64 * 1024] = { 0 };

  *(Head *) data = (Head) { .kind = kind, .number = number };
  check (mosquitto_publish (client, NULL, topic, size, data, 0, false));
}

/* --- the subscriber --- */

static void
on_load (struct mosquitto *client, const struct mosquitto_message *message)
{
  const Head *head = message->payload;
  char text[32];

  pthread_mutex_lock (&lock);
  if (head->kind == PROBE && n_times < MAX_PROBES)
    times[n_times++] = now_ns () - (int64_t) head->number;
  else if (head->kind == LOAD && ++n_heard % STEP == 0)
    check (mosquitto_publish (client, NULL, "ack", snprintf (text, sizeof text, "%" PRIu64, n_heard), text, 0, false));
  else if (head->kind == HELLO)
    check (mosquitto_publish (client, NULL, "ack", message->payloadlen, message->payload, 0, false));
  pthread_mutex_unlock (&lock);
}

static void
on_ack (const struct mosquitto_message *message)
{
  const char *text = message->payload;
  char digits[32] = "";
  size_t n = message->payloadlen;
  uint64_t said;

  pthread_mutex_lock (&lock);
  if (isdigit (*text))
    {
      memcpy (digits, text, n < sizeof digits ? n : sizeof digits - 1);
      said = strtoull (digits, NULL, 10);
      n_acked = said > n_acked ? said : n_acked;
    }
  else
    n_answers++;
  pthread_cond_signal (&changed);
  pthread_mutex_unlock (&lock);
}

static void
on_message (struct mosquitto *client, void *user_data, const struct mosquitto_message *message)
{
  (void) user_data;
  if (strcmp (message->topic, "load") == 0)
    on_load (client, message);
  else
    on_ack (message);
}

static void
on_subscribed (struct mosquitto *client, void *user_data, int id, int n, const int *granted)
{
  (void) client, (void) user_data, (void) id, (void) granted;
  pthread_mutex_lock (&lock);
  n_subscribed += n;
  pthread_cond_signal (&changed);
  pthread_mutex_unlock (&lock);
}

static int
compare_times (const void *a, const void *b)
{
  int64_t one = *(const int64_t *) a;
  int64_t two = *(const int64_t *) b;

  return (one > two) - (one < two);
}

static void
report (void)
{
  pthread_mutex_lock (&lock);
  result ("heard", n_heard);
  result ("probes", n_times);
  if (n_times > 0)
    {
      qsort (times, n_times, sizeof *times, compare_times);
      result ("latency", times[n_times / 2] / 1e3);
      result ("latency-p99", times[n_times * 99 / 100] / 1e3);
    }
  pthread_mutex_unlock (&lock);
}

/* --- a client --- */

static struct mosquitto *
connect_to (const char *port, const char *topic)
{
  struct mosquitto *client;

  mosquitto_lib_init ();
  client = mosquitto_new (NULL, true, NULL);
  mosquitto_message_callback_set (client, on_message);
  mosquitto_subscribe_callback_set (client, on_subscribed);
  check (mosquitto_int_option (client, MOSQ_OPT_TCP_NODELAY, 1));
  check (mosquitto_connect (client, "127.0.0.1", atoi (port), PATIENCE));
  check (mosquitto_subscribe (client, NULL, topic, 0));
  check (mosquitto_loop_start (client));
  pthread_mutex_lock (&lock);
  while (n_subscribed == 0)
    pthread_cond_wait (&changed, &lock);
  pthread_mutex_unlock (&lock);
  return client;
}

static void
subscribe (const char *port)
{
  char line[64];

  connect_to (port, "load");
  printf ("listening %s\n", port);
  fflush (stdout);
  alarm (0);
  while (fgets (line, sizeof line, stdin) != NULL)
    report ();
}

/* --- the one that publishes --- */

static struct mosquitto *
meet (const char *port)
{
  struct mosquitto *client = connect_to (port, "ack");
  uint64_t answers = 0;

  for (int i = 0; i < ATTEMPTS && answers == 0; i++)
    {
      publish (client, "load", HELLO, i, BYTES);
      usleep (RETRY * 1000);
      pthread_mutex_lock (&lock);
      answers = n_answers;
      pthread_mutex_unlock (&lock);
    }
  usleep (SETTLE * 1000);
  if (answers > 0)
    return client;
  fprintf (stderr, "the subscriber does not answer\n");
  exit (1);
}

/* What was acknowledged, as soon as it is more than @before, or @before where there was no more for a while. */
static uint64_t
next_ack (uint64_t before)
{
  struct timespec end;
  uint64_t acked;

  clock_gettime (CLOCK_REALTIME, &end);
  end.tv_sec += OVERDUE;
  pthread_mutex_lock (&lock);
  while (n_acked == before && pthread_cond_timedwait (&changed, &lock, &end) == 0)
    continue;
  acked = n_acked;
  pthread_mutex_unlock (&lock);
  return acked;
}

static void
load (const char *port, int size, double seconds)
{
  struct mosquitto *client = meet (port);
  uint64_t sent = 0, acked = 0;
  int64_t started = now_ns (), took = 0;

  /* What is sent last fills a step, so that an acknowledgement tells of it. */
  while (took < seconds * SECOND || sent % STEP != 0 || acked < sent)
    {
      uint64_t end = took < seconds * SECOND ? acked + WINDOW : (sent + STEP - 1) / STEP * STEP;
      uint64_t before = acked;

      for (; sent < end; sent++)
        publish (client, "load", LOAD, sent, size);
      acked = next_ack (before);
      if (acked == before)
        break;
      took = now_ns () - started;
    }
  result ("lost", sent - acked);
  if (took > 0)
    result ("load", acked * (double) SECOND / took);
}

static void
pace (const char *port, int count)
{
  struct mosquitto *client = meet (port);
  int64_t turn = now_ns ();

  for (int i = 0; i < count; i++)
    {
      struct timespec until = { .tv_sec = turn / SECOND, .tv_nsec = turn % SECOND };

      clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
      publish (client, "load", i < count / WARM_UP ? WARMING : PROBE, now_ns (), BYTES);
      turn += SECOND / RATE;
    }
  usleep (SETTLE * 1000);
}

int
main (int argc, char **argv)
{
  const char *verb = argc > 2 ? argv[1] : "";

  alarm (PATIENCE);
  if (strcmp (verb, "subscribe") == 0)
    subscribe (argv[argc - 1]);
  else if (strcmp (verb, "load") == 0 && argc >= 5)
    load (argv[2], atoi (argv[3]), atof (argv[4]));
  else if (strcmp (verb, "pace") == 0 && argc == 4)
    pace (argv[2], atoi (argv[3]));
  else
    {
      fprintf (stderr, "see ../README.md\n");
      return 1;
    }
  return 0;
}
