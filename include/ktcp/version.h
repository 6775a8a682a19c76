/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file
 * The version of ktcp. The headers, the modules here (modinfo's field "version"), the package and the
 * files of CMake and pkg-config share it. `modinfo -F ktcp NAME.ko` says by which version any module
 * was built.
 *
 * CHANGELOG.md says which parts may change between versions. C and C++; any context.
 */
#ifndef KTCP_VERSION_H
#define KTCP_VERSION_H

/** The number before the first point. 0: handlers may need changes with each minor version. */
#define KTCP_VERSION_MAJOR 0
/** It grows with each change after which a handler or a command may need a change. */
#define KTCP_VERSION_MINOR 2
/** It grows with all other changes. */
#define KTCP_VERSION_PATCH 0

/** @cond */
#define KTCP_VERSION_TEXT_(major, minor, patch) #major "." #minor "." #patch
#define KTCP_VERSION_TEXT(major, minor, patch) KTCP_VERSION_TEXT_(major, minor, patch)
/** @endcond */

/** The three as text: "MAJOR.MINOR.PATCH". */
#define KTCP_VERSION KTCP_VERSION_TEXT(KTCP_VERSION_MAJOR, KTCP_VERSION_MINOR, KTCP_VERSION_PATCH)

#endif
