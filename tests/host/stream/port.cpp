// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The port below the tests. */
#include <ktcp/test/port.cpp>
