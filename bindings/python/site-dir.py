# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints where this Python looks for modules that are installed below a prefix.

Usage: site-dir.py PREFIX

Debian's has a folder for /usr, one for /usr/local, and a scheme for neither.
"""

import site
import sys
import sysconfig

prefix = sys.argv[1].rstrip("/")
scheme = "deb_system" if "deb_system" in sysconfig.get_scheme_names() else "posix_prefix"
usual = sysconfig.get_path("purelib", scheme, vars={"base": prefix, "platbase": prefix})
print(next((path for path in site.getsitepackages() if path.startswith(f"{prefix}/lib")), usual))
