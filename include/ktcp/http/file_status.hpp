// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The status of a response whose file cannot be opened, or not be read.
 */
#ifndef KTCP_HTTP_FILE_STATUS_HPP
#define KTCP_HTTP_FILE_STATUS_HPP

#include <ktcp/base/result.hpp>

namespace ktcp::http::detail
{

/* 404 is for a name that certainly is no file's: file_service has another answer for it (fallback). */
inline unsigned int status_for_open(error_code why) noexcept
{
	switch (why.value()) {
	case errc::enoent:
	case errc::enotdir:
	case errc::einval: /* a name that this file system cannot have */
	case errc::enametoolong:
	case errc::exdev: /* out of the root, which is the same to a client */
	case errc::eloop:
		return 404;
	case errc::eperm:
	case errc::eacces:
		return 403;
	case errc::eagain:
	case errc::enomem:
	case errc::enfile:
	case errc::emfile:
	case errc::edquot: /* the client's source has its share of what there is */
		return 503;
	default: /* it may be there: EIO, and ESTALE or ETIMEDOUT of a file system elsewhere */
		return 500;
	}
}

/* Of a file that was opened: there is no memory, or it cannot be read. */
inline unsigned int status_for_read(error_code why) noexcept
{
	return status_for_open(why) == 503 ? 503 : 500;
}

} // namespace ktcp::http::detail

#endif
