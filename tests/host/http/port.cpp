// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The port below client.hpp. */
#include <ktcp/test/port.cpp>
