// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/base/error.hpp: an errno is always in range. */
#include <ktcp/base/error.hpp>

#include <cerrno>
#include <climits>
#include <type_traits>

#include <gtest/gtest.h>

using ktcp::errc;
using ktcp::error_code;

static_assert(sizeof(error_code) == sizeof(int));
static_assert(std::is_trivially_copyable_v<error_code>);
static_assert(!std::is_default_constructible_v<error_code>);
static_assert(!std::is_constructible_v<error_code, int>, "a bare number says not what it is");
static_assert(error_code(errc::eagain).code() == -11);
static_assert(error_code::from(-11).value() == errc::eagain);
static_assert(error_code::from(-ENOMEM) == errc::enomem);

TEST(error, the_names_have_the_kernels_numbers)
{
	const struct {
		errc name;
		int number;
	} all[] = {
		{ errc::eperm, EPERM },
		{ errc::enoent, ENOENT },
		{ errc::esrch, ESRCH },
		{ errc::eintr, EINTR },
		{ errc::eio, EIO },
		{ errc::enxio, ENXIO },
		{ errc::e2big, E2BIG },
		{ errc::enoexec, ENOEXEC },
		{ errc::ebadf, EBADF },
		{ errc::echild, ECHILD },
		{ errc::eagain, EAGAIN },
		{ errc::enomem, ENOMEM },
		{ errc::eacces, EACCES },
		{ errc::efault, EFAULT },
		{ errc::enotblk, ENOTBLK },
		{ errc::ebusy, EBUSY },
		{ errc::eexist, EEXIST },
		{ errc::exdev, EXDEV },
		{ errc::enodev, ENODEV },
		{ errc::enotdir, ENOTDIR },
		{ errc::eisdir, EISDIR },
		{ errc::einval, EINVAL },
		{ errc::enfile, ENFILE },
		{ errc::emfile, EMFILE },
		{ errc::enotty, ENOTTY },
		{ errc::etxtbsy, ETXTBSY },
		{ errc::efbig, EFBIG },
		{ errc::enospc, ENOSPC },
		{ errc::espipe, ESPIPE },
		{ errc::erofs, EROFS },
		{ errc::emlink, EMLINK },
		{ errc::epipe, EPIPE },
		{ errc::edom, EDOM },
		{ errc::erange, ERANGE },
		{ errc::edeadlk, EDEADLK },
		{ errc::enametoolong, ENAMETOOLONG },
		{ errc::enolck, ENOLCK },
		{ errc::enosys, ENOSYS },
		{ errc::enotempty, ENOTEMPTY },
		{ errc::eloop, ELOOP },
		{ errc::enomsg, ENOMSG },
		{ errc::eidrm, EIDRM },
		{ errc::echrng, ECHRNG },
		{ errc::el2nsync, EL2NSYNC },
		{ errc::el3hlt, EL3HLT },
		{ errc::el3rst, EL3RST },
		{ errc::elnrng, ELNRNG },
		{ errc::eunatch, EUNATCH },
		{ errc::enocsi, ENOCSI },
		{ errc::el2hlt, EL2HLT },
		{ errc::ebade, EBADE },
		{ errc::ebadr, EBADR },
		{ errc::exfull, EXFULL },
		{ errc::enoano, ENOANO },
		{ errc::ebadrqc, EBADRQC },
		{ errc::ebadslt, EBADSLT },
		{ errc::ebfont, EBFONT },
		{ errc::enostr, ENOSTR },
		{ errc::enodata, ENODATA },
		{ errc::etime, ETIME },
		{ errc::enosr, ENOSR },
		{ errc::enonet, ENONET },
		{ errc::enopkg, ENOPKG },
		{ errc::eremote, EREMOTE },
		{ errc::enolink, ENOLINK },
		{ errc::eadv, EADV },
		{ errc::esrmnt, ESRMNT },
		{ errc::ecomm, ECOMM },
		{ errc::eproto, EPROTO },
		{ errc::emultihop, EMULTIHOP },
		{ errc::edotdot, EDOTDOT },
		{ errc::ebadmsg, EBADMSG },
		{ errc::eoverflow, EOVERFLOW },
		{ errc::enotuniq, ENOTUNIQ },
		{ errc::ebadfd, EBADFD },
		{ errc::eremchg, EREMCHG },
		{ errc::elibacc, ELIBACC },
		{ errc::elibbad, ELIBBAD },
		{ errc::elibscn, ELIBSCN },
		{ errc::elibmax, ELIBMAX },
		{ errc::elibexec, ELIBEXEC },
		{ errc::eilseq, EILSEQ },
		{ errc::erestart, ERESTART },
		{ errc::estrpipe, ESTRPIPE },
		{ errc::eusers, EUSERS },
		{ errc::enotsock, ENOTSOCK },
		{ errc::edestaddrreq, EDESTADDRREQ },
		{ errc::emsgsize, EMSGSIZE },
		{ errc::eprototype, EPROTOTYPE },
		{ errc::enoprotoopt, ENOPROTOOPT },
		{ errc::eprotonosupport, EPROTONOSUPPORT },
		{ errc::esocktnosupport, ESOCKTNOSUPPORT },
		{ errc::eopnotsupp, EOPNOTSUPP },
		{ errc::epfnosupport, EPFNOSUPPORT },
		{ errc::eafnosupport, EAFNOSUPPORT },
		{ errc::eaddrinuse, EADDRINUSE },
		{ errc::eaddrnotavail, EADDRNOTAVAIL },
		{ errc::enetdown, ENETDOWN },
		{ errc::enetunreach, ENETUNREACH },
		{ errc::enetreset, ENETRESET },
		{ errc::econnaborted, ECONNABORTED },
		{ errc::econnreset, ECONNRESET },
		{ errc::enobufs, ENOBUFS },
		{ errc::eisconn, EISCONN },
		{ errc::enotconn, ENOTCONN },
		{ errc::eshutdown, ESHUTDOWN },
		{ errc::etoomanyrefs, ETOOMANYREFS },
		{ errc::etimedout, ETIMEDOUT },
		{ errc::econnrefused, ECONNREFUSED },
		{ errc::ehostdown, EHOSTDOWN },
		{ errc::ehostunreach, EHOSTUNREACH },
		{ errc::ealready, EALREADY },
		{ errc::einprogress, EINPROGRESS },
		{ errc::estale, ESTALE },
		{ errc::euclean, EUCLEAN },
		{ errc::enotnam, ENOTNAM },
		{ errc::enavail, ENAVAIL },
		{ errc::eisnam, EISNAM },
		{ errc::eremoteio, EREMOTEIO },
		{ errc::edquot, EDQUOT },
		{ errc::enomedium, ENOMEDIUM },
		{ errc::emediumtype, EMEDIUMTYPE },
		{ errc::ecanceled, ECANCELED },
		{ errc::enokey, ENOKEY },
		{ errc::ekeyexpired, EKEYEXPIRED },
		{ errc::ekeyrevoked, EKEYREVOKED },
		{ errc::ekeyrejected, EKEYREJECTED },
		{ errc::eownerdead, EOWNERDEAD },
		{ errc::enotrecoverable, ENOTRECOVERABLE },
		{ errc::erfkill, ERFKILL },
		{ errc::ehwpoison, EHWPOISON },
	};

	for (const auto &each : all) {
		EXPECT_EQ(error_code(each.name).code(), -each.number);
		EXPECT_EQ(error_code::from(-each.number), each.name);
	}
}

TEST(error, every_kernel_errno_survives)
{
	for (int status = -4095; status < 0; status++)
		EXPECT_EQ(error_code::from(status).code(), status);
}

TEST(error, a_number_that_is_no_errno_becomes_eio)
{
	for (long status : { 0L, 1L, 4095L, -4096L, LONG_MIN, LONG_MAX, long{ INT_MIN } })
		EXPECT_EQ(error_code::from(status), errc::eio) << status;
}

TEST(error, codes_compare)
{
	EXPECT_TRUE(error_code(errc::eio) == error_code(errc::eio));
	EXPECT_TRUE(error_code(errc::eio) != error_code(errc::enomem));
	EXPECT_TRUE(error_code(errc::eio) != errc::enomem);
}
