// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/kernel/file.hpp: pages that are counted in and out, and files that are not there. */
#include <ktcp/kernel/file.hpp>

#include <cerrno>
#include <vector>

#include "support.hpp"

using ktcp::errc;
using testing::_;
using testing::NiceMock;

namespace
{

class file_test : public testing::Test {
    protected:
	static constexpr auto here = ktcp::process_context::promised();
	NiceMock<mock::mock_port> port;
	ktcp::file_root root = std::move(*ktcp::file_root::open("/", {}));
	ktcp::file file = std::move(*root.open_below("name", here));
	char memory[8];
	std::vector<struct page *> given_back;

	file_test()
	{
		ON_CALL(port, put_page(_)).WillByDefault([this](struct page *page) {
			given_back.push_back(page);
		});
		/* Two pages of ten bytes, each time two others. */
		ON_CALL(port, file_read_pages(_, _, _, _, _, _))
			.WillByDefault([this](auto *, auto, auto, ktcp_file_page *pages, auto,
					      unsigned int *count) -> long {
				pages[0] = { page(taken_++), 0, 10 };
				pages[1] = { page(taken_++), 0, 10 };
				*count = 2;
				return 20;
			});
	}

	struct page *page(int which)
	{
		return reinterpret_cast<struct page *>(memory + which);
	}

    private:
	int taken_ = 0;
};

} // namespace

TEST_F(file_test, pages_are_given_back_once_they_are_done_with)
{
	{
		ktcp::file_pages pages;

		EXPECT_EQ(*file.read_pages(pages, 0, 20, here), 20u);
		pages.remove_prefix(4);
		EXPECT_EQ(pages.size(), 16u);
		pages.remove_prefix(6);
		EXPECT_EQ(given_back, std::vector{ page(0) });
		pages.remove_prefix(3);
		EXPECT_EQ(pages.size(), 7u);
	}
	EXPECT_EQ(given_back, (std::vector{ page(0), page(1) }));
}

TEST_F(file_test, more_than_there_is_ends_with_the_last_page)
{
	ktcp::file_pages pages;

	EXPECT_CALL(port, warn(_)).Times(1);
	EXPECT_EQ(*file.read_pages(pages, 0, 20, here), 20u);
	pages.remove_prefix(21);
	EXPECT_TRUE(pages.empty());
	EXPECT_EQ(pages.size(), 0u);
	pages.remove_prefix(1000);
	EXPECT_EQ(given_back, (std::vector{ page(0), page(1) })) << "and none that is none";
}

TEST_F(file_test, reading_pages_gives_those_back_that_are_there)
{
	{
		ktcp::file_pages pages;

		EXPECT_EQ(*file.read_pages(pages, 0, 20, here), 20u);
		pages.remove_prefix(10);
		EXPECT_EQ(*file.read_pages(pages, 20, 20, here), 20u);
		EXPECT_EQ(given_back, (std::vector{ page(0), page(1) }));
		EXPECT_EQ(pages.size(), 20u);
	}
	EXPECT_EQ(given_back, (std::vector{ page(0), page(1), page(2), page(3) }));
}

TEST_F(file_test, none_is_read_where_none_is)
{
	const ktcp::file held = std::move(file);
	const ktcp::file_root other = std::move(root);
	ktcp::file_pages pages;
	std::byte into[4];
	auto each = [](std::string_view, bool) { return true; };

	EXPECT_CALL(port, file_read(_, _, _, _)).Times(0);
	EXPECT_CALL(port, file_read_pages(_, _, _, _, _, _)).Times(0);
	EXPECT_CALL(port, warn(_)).Times(2); /* once for files, once for roots */
	EXPECT_EQ(file.read(into, 0, here).error(), errc::ebadf);
	EXPECT_EQ(file.read_pages(pages, 0, 4, here).error(), errc::ebadf);
	EXPECT_EQ(file.list(each, here).error(), errc::ebadf);
	EXPECT_EQ(root.open_below("name", here).error(), errc::ebadf);
	EXPECT_EQ(root.status_of("name", here).error(), errc::ebadf);
}
