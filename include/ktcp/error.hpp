// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Errors: the kernel's errno values as a type.
 *
 * @code
 * if (status.error() == ktcp::errc::eagain) ...
 * return status.error().code();		// -EAGAIN, for the kernel
 * @endcode
 *
 * Kernel: include/uapi/asm-generic/errno.h.
 */
#ifndef KTCP_ERROR_HPP
#define KTCP_ERROR_HPP

namespace ktcp
{

/**
 * The errno values that ktcp and its users name, with the kernel's numbers and its
 * names in lower case (upper case is taken by macros in user space).
 */
enum class errc : int {
	eperm = 1,
	enoent = 2,
	eintr = 4,
	eio = 5,
	ebadf = 9,
	eagain = 11,
	enomem = 12,
	ebusy = 16,
	eexist = 17,
	einval = 22,
	enfile = 23,
	epipe = 32,
	erange = 34,
	ebadmsg = 74,
	emsgsize = 90,
	eprotonosupport = 93,
	eopnotsupp = 95,
	eafnosupport = 97,
	eaddrinuse = 98,
	eaddrnotavail = 99,
	enonet = 64,
	econnaborted = 103,
	econnreset = 104,
	enobufs = 105,
	enotconn = 107,
	eshutdown = 108,
	etimedout = 110,
	econnrefused = 111,
	einprogress = 115,
	edquot = 122,
	ecanceled = 125,
};

/**
 * One errno, always in 1..4095, so that it can be returned to the kernel, encoded in
 * a pointer, or compared, without a second look. Any context.
 */
class error_code {
    public:
	constexpr error_code(errc code) noexcept : number_(static_cast<int>(code))
	{
	}

	/**
	 * From a kernel function's negative return value.
	 * @param status  -4095..-1; anything else is a bug of the caller's and becomes EIO.
	 */
	static constexpr error_code from(long status) noexcept
	{
		return status < 0 && status >= -4095 ? error_code(static_cast<errc>(-status)) :
						       error_code(errc::eio);
	}

	/** As the kernel returns it: -4095..-1. */
	constexpr int code() const noexcept
	{
		return -number_;
	}

	friend constexpr bool operator==(error_code, error_code) noexcept = default;

    private:
	int number_;
};

} // namespace ktcp

#endif
