// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A base that has no digits for it: the compiler refuses it. */
#include <ktcp/base/text.hpp>

std::size_t digits(std::uint64_t number)
{
#ifdef GOOD
	return ktcp::number_text(number, 16).text().size();
#else
	return ktcp::number_text(number, 17).text().size();
#endif
}
