/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Clients, directly on the simulated network: none of this goes through the boundary. */
#include "client.hpp"

#include <algorithm>
#include <cerrno>

#include "network.hpp"

namespace sim
{

static kernel &here()
{
	return kernel::now("sim::client");
}

int client::connect(const ktcp_endpoint &to, net *ns)
{
	return connect_from(any_address(!is_v4(to)), to, ns);
}

int client::connect_from(const ktcp_endpoint &from, const ktcp_endpoint &to, net *ns)
{
	kernel &k = here();

	k.point();
	socket_ = &k.net->create(ns, !is_v4(to), true);
	socket_->reuseaddr = true;

	int error = is_any(from) ? 0 : k.net->bind(*socket_, from);

	if (!error)
		error = k.net->connect(*socket_, to);
	while (error == -EINPROGRESS) {
		error = k.net->connected(*socket_);
		if (error == -EINPROGRESS)
			k.block(socket_, "client::connect");
	}
	k.trace("%s connects: %d", socket_->name.c_str(), error);
	if (error)
		close();
	return error;
}

int client::send(std::string_view data, uint64_t patience_ms)
{
	kernel &k = here();
	uint64_t deadline = patience_ms == UINT64_MAX ? UINT64_MAX : k.now_ms() + patience_ms;

	while (!data.empty()) {
		k.point();
		if (!socket_)
			return -ENOTCONN;

		long sent = k.net->send(*socket_, data.data(), data.size());

		k.trace("%s sends %zu: %ld", socket_->name.c_str(), data.size(), sent);
		if (sent == -EAGAIN && k.now_ms() >= deadline)
			return -ETIMEDOUT;
		else if (sent == -EAGAIN && deadline == UINT64_MAX)
			k.block(socket_, "client::send");
		else if (sent == -EAGAIN)
			k.block_until(socket_, deadline, "client::send");
		else if (sent < 0)
			return int(sent);
		else
			data.remove_prefix(size_t(sent));
	}
	return 0;
}

long client::receive(char *into, size_t most)
{
	kernel &k = here();

	for (;;) {
		k.point();
		if (!socket_)
			return status_ = -ENOTCONN;

		long got = k.net->recv(*socket_, into, most);

		if (got == -EAGAIN) {
			k.block(socket_, "client::receive");
			continue;
		}
		k.trace("%s receives: %ld", socket_->name.c_str(), got);
		status_ = got < 0 ? int(got) : 0;
		return got;
	}
}

std::string client::receive_exactly(size_t size)
{
	std::string all;
	char piece[2048];

	while (all.size() < size) {
		long got = receive(piece, std::min(sizeof(piece), size - all.size()));

		if (got <= 0)
			break;
		all.append(piece, size_t(got));
	}
	return all;
}

std::string client::exchange(std::string_view data)
{
	kernel &k = here();
	bool sent = false;

	k.spawn(context::client, "sender", [&] {
		if (!send(data))
			finish_sending();
		sent = true;
		k.wake(&sent);
	});

	std::string back = receive_all();

	while (!sent)
		k.block(&sent, "client::exchange");
	return back;
}

void client::finish_sending()
{
	kernel &k = here();

	k.point();
	if (!socket_)
		return;
	k.trace("%s finishes sending", socket_->name.c_str());
	k.net->shutdown(*socket_, KTCP_SHUT_WR);
}

void client::close()
{
	if (!socket_)
		return;
	here().trace("%s closes", socket_->name.c_str());
	here().net->close(*socket_);
	socket_ = nullptr;
}

void client::reset()
{
	if (!socket_)
		return;
	here().point();
	socket_->no_linger = true;
	close();
}

void destroy_listener(uint16_t port)
{
	here().point();
	here().net->destroy_listener(port);
}

} // namespace sim
