// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * One thread and io_uring: multishot accept, and buffers that the kernel takes from a ring only
 * when there is something to put into them. Needs Linux 5.19.
 */
#include <liburing.h>

#include <memory>

#include "common.hpp"

namespace
{

constexpr unsigned entries = 4096;
constexpr unsigned buffers = 256; /* a power of two */

struct connection {
	int fd;
	int buffer = -1; /* while sending */
	unsigned length = 0;
	unsigned sent = 0;
};

class server {
    public:
	explicit server(int listener) : listener_(listener)
	{
		io_uring_params params = {};

		params.flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
			       IORING_SETUP_CQSIZE;
		params.cq_entries = 16 * entries;
		fail(io_uring_queue_init_params(entries, &ring_, &params),
		     "io_uring (Linux 5.19 is needed)");
		void *place = nullptr;

		if (posix_memalign(&place, 4096, buffers * sizeof(io_uring_buf)))
			reference::die("no memory");
		free_ = static_cast<io_uring_buf_ring *>(place);
		io_uring_buf_reg reg = {};

		reg.ring_addr = reinterpret_cast<unsigned long>(place);
		reg.ring_entries = buffers;
		fail(io_uring_register_buf_ring(&ring_, &reg, 0), "a ring of buffers");
		io_uring_buf_ring_init(free_);
		for (int i = 0; i < static_cast<int>(buffers); i++)
			give_back(i);
	}

	[[noreturn]] void run()
	{
		accept();
		while (true) {
			io_uring_cqe *done;
			unsigned head, count = 0;

			io_uring_submit_and_wait(&ring_, 1);
			io_uring_for_each_cqe(&ring_, head, done)
			{
				count++;
				if (auto *const who =
					    static_cast<connection *>(io_uring_cqe_get_data(done)))
					completed(*who, *done);
				else
					accepted(*done);
			}
			io_uring_cq_advance(&ring_, count);
		}
	}

    private:
	static void fail(int result, const char *what)
	{
		if (result < 0) {
			errno = -result;
			reference::die("%s", what);
		}
	}

	io_uring_sqe &submission()
	{
		io_uring_sqe *result;

		while (!(result = io_uring_get_sqe(&ring_)))
			io_uring_submit(&ring_);
		return *result;
	}

	char *memory(int buffer)
	{
		return memory_.get() + static_cast<size_t>(buffer) * reference::buffer_size;
	}

	void give_back(int buffer)
	{
		io_uring_buf_ring_add(free_, memory(buffer), reference::buffer_size,
				      static_cast<unsigned short>(buffer),
				      io_uring_buf_ring_mask(buffers), 0);
		io_uring_buf_ring_advance(free_, 1);
	}

	void accept()
	{
		io_uring_sqe &next = submission();

		io_uring_prep_multishot_accept(&next, listener_, nullptr, nullptr, SOCK_CLOEXEC);
		io_uring_sqe_set_data(&next, nullptr);
	}

	void receive(connection &who)
	{
		io_uring_sqe &next = submission();

		io_uring_prep_recv(&next, who.fd, nullptr, reference::buffer_size, 0);
		next.flags |= IOSQE_BUFFER_SELECT;
		next.buf_group = 0;
		io_uring_sqe_set_data(&next, &who);
	}

	void send(connection &who)
	{
		io_uring_sqe &next = submission();

		io_uring_prep_send(&next, who.fd, memory(who.buffer) + who.sent,
				   who.length - who.sent, MSG_NOSIGNAL | MSG_WAITALL);
		io_uring_sqe_set_data(&next, &who);
	}

	void accepted(const io_uring_cqe &done)
	{
		if (done.res >= 0) {
			const int one = 1;
			auto *const who = new connection{ done.res };

			setsockopt(done.res, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
			receive(*who);
		}
		if (!(done.flags & IORING_CQE_F_MORE))
			accept();
	}

	void completed(connection &who, const io_uring_cqe &done)
	{
		if (who.buffer >= 0) {
			if (done.res > 0)
				who.sent += static_cast<unsigned>(done.res);
			if (done.res > 0 && who.sent < who.length) {
				send(who);
				return;
			}
			give_back(std::exchange(who.buffer, -1));
			/* Those for whom no buffer was left may try again. */
			for (connection *each : std::exchange(starved_, {}))
				receive(*each);
			if (done.res < 0)
				leave(who);
			else
				receive(who);
			return;
		}
		if (done.flags & IORING_CQE_F_BUFFER)
			who.buffer = static_cast<int>(done.flags >> IORING_CQE_BUFFER_SHIFT);
		if (done.res > 0) {
			who.length = static_cast<unsigned>(done.res);
			who.sent = 0;
			send(who);
		} else if (done.res == -ENOBUFS) {
			starved_.push_back(&who);
		} else {
			if (who.buffer >= 0)
				give_back(who.buffer);
			leave(who);
		}
	}

	void leave(connection &who)
	{
		close(who.fd);
		delete &who;
	}

	const int listener_;
	io_uring ring_;
	io_uring_buf_ring *free_;
	std::unique_ptr<char[]> memory_ = std::make_unique<char[]>(buffers * reference::buffer_size);
	std::vector<connection *> starved_;
};

} // namespace

int main(int count, char **arguments)
{
	const auto asked = reference::parse(count, arguments, "one thread and io_uring");

	server(reference::start(asked)).run();
}
