// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/base/big_endian.hpp */
#include <ktcp/base/big_endian.hpp>

#include <gtest/gtest.h>

using ktcp::be32_bytes;
using ktcp::get_be16;
using ktcp::get_be32;

namespace
{

template <std::size_t Size>
std::string text(const std::array<std::byte, Size> &bytes)
{
	return { reinterpret_cast<const char *>(bytes.data()), Size };
}

} // namespace

TEST(big_endian, numbers_are_got)
{
	const std::string_view bytes("\x01\x02\x03\xff\xfe\xfd", 6);

	EXPECT_EQ(get_be32(bytes), 0x010203ffu);
	EXPECT_EQ(get_be32(bytes, 2), 0x03fffefdu);
	EXPECT_EQ(get_be16(bytes), 0x0102u);
	EXPECT_EQ(get_be16(bytes, 3), 0xfffeu);
	EXPECT_EQ(get_be16(bytes, 5), 0xfd00u) << "the other is not there";
}

TEST(big_endian, bytes_that_are_not_there_are_zero)
{
	const std::string_view bytes("\xff\xfe\xfd\xfc\xfb", 5);

	EXPECT_EQ(get_be32(bytes, 3), 0xfcfb0000u);
	EXPECT_EQ(get_be32(bytes, 5), 0u);
	EXPECT_EQ(get_be32(bytes, 100), 0u);
	EXPECT_EQ(get_be32(""), 0u);
}

TEST(big_endian, numbers_are_put)
{
	EXPECT_EQ(text(be32_bytes(1u, 0xdeadbeef)), std::string("\0\0\0\1\xde\xad\xbe\xef", 8));
	EXPECT_EQ(text(be32_bytes(std::uint64_t{ 0x100000002 }, -1)),
		  std::string("\0\0\0\2\xff\xff\xff\xff", 8));
	EXPECT_EQ(get_be32(text(be32_bytes(std::size_t{ 16384 }))), 16384u);
}
