# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether a process's memory is flat, judged by samples of it."""

import statistics

WARM_UP = 240.0     # seconds that are not judged: caches fill, for which two minutes are what the longest of them keeps
SLACK = 1024        # KiB that what is fitted may rise in the time that is judged
AN_HOUR = 3600


def judged(samples):
    """Of (seconds, KiB), those after the warm-up, which is no more than half of the time."""
    start = min(WARM_UP, samples[-1][0] / 2)
    return [(second, size) for second, size in samples if second >= start]


def fit(samples):
    """The straight line through them by least squares: (KiB a second, KiB at the beginning)."""
    slope, intercept = statistics.linear_regression(*zip(*samples))
    return slope, intercept + slope * samples[0][0]


def judge(samples):
    """(what the memory did, in words; whether that is flat)"""
    chosen = judged(samples)
    slope, start = fit(chosen)
    span = chosen[-1][0] - chosen[0][0]
    rise = slope * span
    sizes = [size for _, size in chosen]
    text = (f'{start:.0f} KiB, and {rise:+.0f} KiB in {span:.0f} s ({slope * AN_HOUR:+.0f} KiB an hour); '
            f'between {min(sizes)} and {max(sizes)}')
    return text, rise <= SLACK
