// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A parameter whose default is out of its own range. */
#ifdef GOOD
#define KTCP_MODULE_LIST "unit.module.h"
#else
#define KTCP_MODULE_LIST "misuse/range.module.h"
#endif
#define KTCP_MODULE_NAME "range"
#include <ktcp/port/posix/parameters.hpp>
