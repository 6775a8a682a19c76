// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Files under /proc/net, read and opened as programs do. */
#include <ktcp/kernel/sync.hpp>
#include <ktcp/kernel/thread.hpp>
#include <ktcp/port/proc.h>

#include "files.h"
#include "suites.hpp"

namespace
{

constexpr const char *name = "ktcp_kunit";
/* An item is more than half a page: a second one does not go into the same buffer. */
constexpr int item_size = 3000;
constexpr unsigned long long items = 3;

/* Items of one size, under a lock of their own. */
struct listing : ktcp_proc_file {
	listing() noexcept : ktcp_proc_file{}
	{
		mode = 0666;
		opening_size = 1;
		open = [](ktcp_proc_file *file, void *) { ++static_cast<listing *>(file)->opened; };
		at = [](ktcp_proc_file *file, void *, unsigned long long position) {
			ktcp::mutex &lock = static_cast<listing *>(file)->mutex;

			lock.lock(ktcp_test::may_sleep);
			lock.unlock();
			return position < items;
		};
		show = [](ktcp_proc_file *, void *, seq_file *to) {
			ktcp_seq_printf(to, "%*s\n", item_size - 1, "");
		};
		write = [](ktcp_proc_file *, void *, const char *, std::size_t size) {
			return static_cast<long>(size);
		};
		release = [](ktcp_proc_file *file, void *) {
			--static_cast<listing *>(file)->opened;
		};
	}

	ktcp::mutex mutex;
	int opened = 0;
};

/* A listing as a file, and a mount of proc to open it by. */
struct there {
	there() noexcept
	{
		if (mount && one && ktcp_proc_mkdir(nullptr, nullptr, &folder) == 0)
			created = ktcp_proc_create(folder, name, &*one) == 0;
	}

	~there()
	{
		ktcp_proc_rmdir(folder);
		if (mount)
			ktcp_kunit_proc_unmount(mount);
	}

	ktcp_proc_folder *folder = nullptr;
	vfsmount *const mount = ktcp_kunit_proc_mount();
	ktcp_test::owned<listing> one = ktcp_test::make<listing>();
	bool created = false;
};

/* In pieces, so that several rounds are needed; the kernel's lockdep looks at the order of locks. */
void read_in_pieces(ktcp_test::context &context)
{
	there here;
	alignas(8) char piece[512];
	unsigned long long size = 0;
	long got;

	KTCP_REQUIRE(here.created);

	file *opening = ktcp_kunit_proc_open(here.mount, name, false);

	KTCP_REQUIRE(opening);
	while ((got = ktcp_kunit_proc_read(opening, piece, sizeof(piece))) > 0)
		size += static_cast<unsigned long long>(got);
	KTCP_CHECK_EQ(got, 0);
	KTCP_CHECK_EQ(size, items * item_size);
	ktcp_kunit_proc_close(opening);
}

void openings_leave_nothing(ktcp_test::context &context)
{
	there here;
	char byte;

	KTCP_REQUIRE(here.created);
	/* The kernel keeps memory of its own from the first time on: watch the second. */
	for (const bool watched : { false, true }) {
		if (watched)
			KTCP_REQUIRE_EQ(ktcp_kunit_watch_memory(), 0);

		file *opening = ktcp_kunit_proc_open(here.mount, name, true);

		KTCP_CHECK(opening);
		KTCP_CHECK_EQ(here.one->opened, 1);
		if (opening) {
			KTCP_CHECK_EQ(ktcp_kunit_proc_read(opening, &byte, 1), 1);
			ktcp_kunit_proc_close(opening);
		}
		KTCP_CHECK_EQ(here.one->opened, 0);
		if (watched)
			KTCP_CHECK_EQ(ktcp_kunit_memory_left(), 0);
	}
}

/* The kernel would say so by a WARN() with a stack, and this run would fail by that. */
void a_name_is_a_file_s_once(ktcp_test::context &context)
{
	ktcp_test::owned<listing> one = ktcp_test::make<listing>(),
				  other = ktcp_test::make<listing>();

	KTCP_REQUIRE(one && other);
	for (const char *const folder_name : { name, static_cast<const char *>(nullptr) }) {
		ktcp_proc_folder *folder = nullptr;

		KTCP_REQUIRE_EQ(ktcp_proc_mkdir(nullptr, folder_name, &folder), 0);
		KTCP_CHECK_EQ(ktcp_proc_create(folder, "ktcp_twice", &*one), 0);
		KTCP_CHECK_EQ(ktcp_proc_create(folder, "ktcp_twice", &*other), -17); /* EEXIST */
		KTCP_CHECK_EQ(ktcp_proc_create(folder, "ktcp_twice2", &*other), 0);
		ktcp_proc_rmdir(folder);
	}
}

/* Its first release() waits outside, as for a process. The later ones would like to. */
struct porch : ktcp_proc_file {
	porch() noexcept : ktcp_proc_file{}
	{
		mode = 0444;
		opening_size = 1;
		release = [](ktcp_proc_file *file, void *opening) {
			auto &mine = *static_cast<porch *>(file);

			if (mine.releases++) {
				mine.left_late = ktcp_proc_leave(opening);
				mine.gone.complete();
				return;
			}
			mine.left = ktcp_proc_leave(opening);
			mine.outside.complete();
			mine.proceed.wait_for(20000, ktcp_test::may_sleep);
			mine.there = ktcp_proc_enter(opening);
		};
	}

	static int close_one(void *self)
	{
		ktcp_kunit_proc_close(static_cast<porch *>(self)->one);
		return 0;
	}

	static int remove(void *self)
	{
		ktcp_proc_rmdir(static_cast<porch *>(self)->folder);
		return 0;
	}

	ktcp_proc_folder *folder = nullptr;
	file *one = nullptr;
	ktcp::completion outside, gone, proceed;
	int releases = 0;
	bool left = false, left_late = true, there = true;
};

void a_file_goes_while_somebody_waits_outside(ktcp_test::context &context)
{
	vfsmount *const mount = ktcp_kunit_proc_mount();
	ktcp_test::owned<porch> here = ktcp_test::make<porch>();
	ktcp::thread closing, removing;

	KTCP_REQUIRE(mount && here);
	KTCP_REQUIRE_EQ(ktcp_proc_mkdir(nullptr, nullptr, &here->folder), 0);
	KTCP_REQUIRE_EQ(ktcp_proc_create(here->folder, name, &*here), 0);
	here->one = ktcp_kunit_proc_open(mount, name, false);

	file *const other = ktcp_kunit_proc_open(mount, name, false);

	KTCP_REQUIRE(here->one && other);
	KTCP_REQUIRE(closing.start("ktcp_closing", porch::close_one, &*here));
	KTCP_CHECK(here->outside.wait_for(20000, ktcp_test::may_sleep));
	KTCP_REQUIRE(removing.start("ktcp_removing", porch::remove, &*here));
	/* The other opening's release() says that nothing waits for the first one's. */
	KTCP_CHECK(here->gone.wait_for(10000, ktcp_test::may_sleep));
	here->proceed.complete();
	closing.join();
	removing.join();
	KTCP_CHECK(here->left);
	KTCP_CHECK(!here->there);
	KTCP_CHECK(!here->left_late);
	KTCP_CHECK_EQ(here->releases, 2);
	ktcp_kunit_proc_close(other);
	ktcp_kunit_proc_unmount(mount);
}

} // namespace

KTCP_SUITE(proc, { "a file is read in pieces", KTCP_CASE(read_in_pieces) },
	   { "an opening for writing leaves nothing behind", KTCP_CASE(openings_leave_nothing) },
	   { "a name is a file's once", KTCP_CASE(a_name_is_a_file_s_once) },
	   { "a file goes while somebody waits outside",
	     KTCP_CASE(a_file_goes_while_somebody_waits_outside) });
