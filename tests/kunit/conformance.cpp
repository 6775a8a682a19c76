// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The boundary's conformance suite, compiled for the kernel; table.c runs its cases. */
#include "../conformance/conformance.cpp"
