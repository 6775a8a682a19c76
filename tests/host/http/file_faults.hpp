// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A file system that fails. The linker puts it before the port's (--wrap, in CMakeLists.txt).
 */
#ifndef KTCP_TESTS_HOST_HTTP_FILE_FAULTS_HPP
#define KTCP_TESTS_HOST_HTTP_FILE_FAULTS_HPP

#include <string>

/** The outcome of each call, a negative errno; 0: its own. */
struct file_faults {
	int open = 0; /**< of paths with this end: */
	std::string of = "";
	int stat = 0; /**< the same */
	int list = 0;
	std::string beside = ""; /**< a name that each folder has, too: of an empty file */
	unsigned int listed = 0; /**< times that a folder was read from its beginning */
};

extern struct file_faults file_faults;

#endif
