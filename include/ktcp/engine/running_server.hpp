// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A server while it runs: its table, its acceptor and its files, made together and ended in their order.
 */
#ifndef KTCP_ENGINE_RUNNING_SERVER_HPP
#define KTCP_ENGINE_RUNNING_SERVER_HPP

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <ktcp/base/setting.hpp>
#include <ktcp/connection.hpp>
#include <ktcp/engine/acceptor.hpp>
#include <ktcp/engine/admission.hpp>
#include <ktcp/engine/engine.hpp>
#include <ktcp/engine/habits.hpp>
#include <ktcp/engine/model.hpp>
#include <ktcp/engine/proxied.hpp>
#include <ktcp/engine/server_files.hpp>
#include <ktcp/engine/session.hpp>
#include <ktcp/engine/session_resources.hpp>
#include <ktcp/engine/session_table.hpp>
#include <ktcp/engine/statistics.hpp>
#include <ktcp/kernel/buffer.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/kernel/memory.hpp>
#include <ktcp/kernel/workqueue.hpp>
#include <ktcp/port/sync.h>
#include <ktcp/server_options.hpp>
#include <ktcp/task.hpp>

namespace ktcp::detail
{

/* "name-suffix", cut to what a workqueue or a cache shows. */
class joined_name {
    public:
	joined_name(std::string_view name, std::string_view suffix) noexcept
	{
		add(name, sizeof(text_) - suffix.size() - 1);
		add(suffix, sizeof(text_) - 1);
		text_[used_] = '\0';
	}

	const char *c_str() const noexcept
	{
		return text_;
	}

    private:
	void add(std::string_view part, std::size_t limit) noexcept
	{
		for (char each : part)
			if (used_ < limit)
				text_[used_++] = each;
	}

	char text_[32];
	std::size_t used_ = 0;
};

/* Everything that exists only while the server runs. Process context. */
class running_server {
    public:
	static constexpr std::size_t least_buffer_bytes = 16384;
	static constexpr std::size_t most_buffer_bytes = 65535; /* ktcp::received counts so far */

	running_server(const server_options &options, struct habits habits) noexcept
		: options_(options), habits_(habits), drain_ms_(options.drain_ms),
		  admission_(options_), sessions_(options.max_per_source),
		  files_(sessions_, options.net, options.proc_group, habits.counters),
		  acceptor_(options_, habits.speaks_first, admission_, sessions_)
	{
	}

	/* As server::start(), once the model is known. On failure nothing of it is left to be stopped. */
	result<void> start(const struct model &model, session::handler_function handle,
			   const void *handler) noexcept
	{
		KTCP_TRY(set_up(model, handle, handler));

		auto status = acceptor_.listen();

		if (status)
			status = publish();
		if (!status)
			give_up();
		return status;
	}

	/* As server_base::change(). */
	result<void> change(const server_options &wanted) noexcept
	{
		KTCP_TRY(admission_.change_rate(wanted.accept_rate));

		limit(wanted);
		drain_ms_ = wanted.drain_ms;
		sessions_.use().buffers.limit(wanted.buffer_memory);
		sessions_.change_timeouts(wanted.timeouts);
		acceptor_.change(wanted);
		return {};
	}

	/* As server_base::begin_stop(). */
	void begin_stop() noexcept
	{
		unlisten();
		/* Accepting is over, so the list can only shrink: none is missed. */
		sessions_.end_all(errc::eshutdown);
		stopping_ = true;
	}

	/* As server_base::stop(). */
	void stop() noexcept
	{
		if (!stopping_) {
			/* Busy connections could keep this CPU from us. So, without a drain, they are ended
			 * before we wait for anything. */
			if (drain_ms_)
				unlisten();
			else
				begin_stop();
			ktcp_synchronize_rcu();
		}
		sessions_.close();
		/* Times are still looked at meanwhile, so a slow peer still times out. */
		const bool told = stopping_ || sessions_.drain(drain_ms_);

		sessions_.close_times();
		/* Accepting is over here, too: none is missed. */
		if (!told)
			sessions_.end_all(errc::eshutdown);
		sessions_.wait_until_empty();
		sessions_.use().outgoing.kept.close_all(); /* the last session could still leave one */
		/* Last: a process that is stuck in a read may keep us here, when no peer is served any more. */
		files_.unpublish();
		/* The work items that dropped the last session may still be on their way out; destroying
		 * the queues, in our destructor, waits for them. */
	}

	/* As server_base::port(). */
	std::uint16_t port() const noexcept
	{
		return acceptor_.port();
	}

	/* As server_base::max_connections(). */
	unsigned int max_connections() const noexcept
	{
		return acceptor_.limit();
	}

    private:
	result<void> set_up(const struct model &model, session::handler_function handle,
			    const void *handler) noexcept
	{
		auto &use = sessions_.use();
		const std::string_view name = options_.name;
		const auto make = [&]() -> result<void> {
			KTCP_TRY(sessions_.make_shards());
			KTCP_TRY(admission_.change_rate(options_.accept_rate));
			use.sessions = KTCP_TRY(kmem_cache::create(
				joined_name(name, "_session").c_str(), model.session_size));
			use.buffers = KTCP_TRY(
				page_pool::create(options_.buffer_bytes, options_.buffer_memory));
			if (model.in_softirq && !habits_.may_sleep &&
			    options_.placement == placement::incoming)
				KTCP_TRY(make_turns());
			use.queue = KTCP_TRY(workqueue::create(
				options_.name,
				{ .unbound = options_.placement == placement::anywhere,
				  .max_active = model.blocks ? workqueue::most_active() : 0 }));
			KTCP_TRY(use.sleepers.make(joined_name(name, "_sleepers").c_str(),
						   joined_name(name, "_crowded").c_str()));
			use.control =
				KTCP_TRY(workqueue::create(joined_name(name, "_control").c_str()));
			return {};
		};

		KTCP_TRY(choose_cpus());

		const auto status = make();

		if (!status) {
			KTCP_LOG_ERR_RATELIMITED(
				"no memory to start (error %d); free some and load again",
				status.code());
			return status;
		}
		use.model = &model;
		use.behind_proxies = admission_.behind_proxies();
		use.handle = admission_.behind_proxies() ? proxied : handle;
		use.handler = admission_.behind_proxies() ? this : handler;
		handle_client_ = handle;
		client_handler_ = handler;
		use.name = options_.name;
		use.placement = options_.placement;
		use.timeouts = options_.timeouts;
		use.outgoing.net = options_.net;
		use.outgoing.kept.use(use.control);
		use.outgoing.write_ms = options_.timeouts.write_ms;
		limit(options_);
		return {};
	}

	/* Turns in softirq run where packets arrive, so only if no other placement was chosen. */
	result<void> make_turns() noexcept
	{
		auto &use = sessions_.use();
		auto made = engine::create();

		if (!made && made.error() == errc::eopnotsupp) {
			KTCP_LOG_NOTE_RATELIMITED(
				"this kernel's softirqs do not exclude each other: "
				"connections are served by work items");
			return {};
		}
		use.turns = KTCP_TRY(std::move(made));
		use.pages = KTCP_TRY(softirq_pages::create());
		return {};
	}

	result<void> choose_cpus() noexcept
	{
		const std::string_view text = options_.cpus;

		if (text.empty())
			return {};
		if (options_.placement == placement::anywhere) {
			KTCP_LOG_ERR_RATELIMITED(
				"cpus=%.*s: not with unbound=1, where the scheduler chooses; leave out one",
				static_cast<int>(text.size()), text.data());
			return errc::einval;
		}

		const auto read = sessions_.use().cpus.assign(text, ktcp_nr_cpus());

		if (!read) {
			KTCP_LOG_ERR_RATELIMITED(
				"cpus=%.*s: character %zu: %s; this machine has 0 to %u",
				static_cast<int>(text.size()), text.data(), read.at + 1, read.error,
				ktcp_nr_cpus() - 1);
			return errc::einval;
		}
		options_.placement = placement::spread;
		return {};
	}

	/* A model may serve fewer than the user allows. A peer that could have all of those then gets half of them. */
	void limit(const server_options &wanted) noexcept
	{
		auto &use = sessions_.use();
		const unsigned int all = use.model->most ? std::min(wanted.max_connections,
								    use.model->most()) :
							   wanted.max_connections;
		unsigned int of_a_peer = wanted.max_per_source;

		if (of_a_peer >= all && of_a_peer < wanted.max_connections)
			of_a_peer = (all + 1) / 2;
		say_if_one_may_have_all(wanted);
		acceptor_.limit(all);
		sessions_.change_per_source(of_a_peer);
		use.sleepers.give_shares(!limits_no_source(wanted));
		use.outgoing.limit(wanted.max_outgoing ? wanted.max_outgoing : all,
				   wanted.max_outgoing_per_source, !limits_no_source(wanted));
	}

	/* 0, and a module's UINT_MAX for it, say that one source may have all. */
	static bool limits_no_source(const server_options &wanted) noexcept
	{
		return !wanted.max_per_source || wanted.max_per_source == UINT_MAX;
	}

	/* Once for each pair of numbers, unless it is meant. */
	void say_if_one_may_have_all(const server_options &wanted) noexcept
	{
		const unsigned int all = wanted.max_connections, of_a_peer = wanted.max_per_source;

		if (of_a_peer < all || limits_no_source(wanted) ||
		    (said_.all == all && said_.of_a_peer == of_a_peer))
			return;
		said_ = { all, of_a_peer };
		KTCP_LOG_NOTE_RATELIMITED(
			"max_per_source=%u: one source may have all of max_connections=%u; give a smaller "
			"number to leave room for others, or 0 for any number",
			of_a_peer, all);
	}

	result<void> publish() noexcept
	{
		const char *const folder = options_.folder ? options_.folder : options_.name;
		const auto status = files_.publish(folder, options_.net, options_.own_file);

		if (!status)
			KTCP_LOG_ERR_RATELIMITED(
				"cannot make /proc/net/%s (error %d)%s", folder, status.code(),
				status.error() == errc::eexist ?
					": it is there, or a file in it; the kernel, another server or "
					"another file has this name, so choose another" :
					"");
		return status;
	}

	/* The coroutine of a connection from a proxy: the handler's is one that it awaits. */
	static task proxied(const void *of, connection &peer)
	{
		auto &self = *const_cast<running_server *>(static_cast<const running_server *>(of));

		if (!co_await self.name_client(static_cast<session &>(peer))) {
			peer.reset_at_end();
			co_return;
		}

		const task served = self.handle_client_(self.client_handler_, peer);

		if (served.empty()) {
			self.sessions_.count(&statistics::refused_memory);
			peer.reset_at_end();
		} else {
			static_cast<void>(co_await served);
		}
	}

	/* From here on the peer is the client that the proxy names. The counters and the rules want process context. */
	task_of<void> name_client(session &peer)
	{
		const auto header = co_await receive_proxy_header(peer);

		peer.expires_after(0);
		KTCP_CO_CHECK(co_await peer.may_sleep());
		if (!header) {
			sessions_.count(&statistics::refused_proxy);
			co_return header.error();
		}
		if (!header->names_client)
			co_return result<void>();
		if (const auto why = admission_.refusal(header->client)) {
			sessions_.count(why);
			co_return errc::eacces;
		}

		const auto named = sessions_.rename(peer, header->client);

		if (!named) {
			sessions_.count(named.error() == errc::edquot ?
						&statistics::refused_source :
						&statistics::refused_memory);
			co_return named;
		}
		/* The rules may have changed just before the table had the client. */
		if (!admission_.admits(header->client)) {
			sessions_.count(&statistics::refused_denied);
			co_return errc::eacces;
		}
		co_return result<void>();
	}

	void unlisten() noexcept
	{
		files_.say_draining();
		acceptor_.close();
	}

	/* It could not start. Peers may have connected all the same: to an address before the one that fails. */
	void give_up() noexcept
	{
		begin_stop();
		ktcp_synchronize_rcu(); /* for the callbacks of the listeners */
		stop();
	}

	server_options options_;
	const struct habits habits_;
	setting<unsigned int> drain_ms_; /* of the options, but for change() */
	admission admission_;
	session::handler_function handle_client_ = nullptr; /* behind a proxy … */
	const void *client_handler_ = nullptr; /* … with this */
	session_table sessions_;
	server_files files_; /* while there are sessions: during a drain, they show which are left */
	acceptor acceptor_;
	bool stopping_ = false; /* begin_stop() was called */
	struct {
		unsigned int all, of_a_peer;
	} said_ = {}; /* that one source may have all of them */
};

} // namespace ktcp::detail

#endif
