// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* kvd: a key-value cache. A line each: set KEY VALUE, get KEY, del KEY. */
#include <array>

#include <ktcp/base/bounded_text.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/server_module.hpp>

namespace
{

/* Each key has one place, which the next key with the same place takes: memory is bounded. */
struct entry {
	ktcp::bounded_text<32> key;
	ktcp::bounded_text<128> value;
};

using table = std::array<entry, 1024>;
using reply = ktcp::bounded_text<160>;

entry &place_of(table &entries, std::string_view key) noexcept
{
	std::uint32_t hash = 2166136261; /* FNV-1a */

	for (const char each : key)
		hash = (hash ^ static_cast<unsigned char>(each)) * 16777619;
	return entries[hash % entries.size()];
}

reply obey(std::string_view line, ktcp::spin_guarded<table> &entries) noexcept
{
	const auto command = ktcp::take_word(line), key = ktcp::take_word(line);
	const bool set = command == "set", get = command == "get";

	if ((!set && !get && command != "del") || key.empty() || key.size() > 32 ||
	    line.size() > 128)
		return reply("error: set KEY VALUE, get KEY or del KEY, of 32 and 128 bytes\n");

	const auto locked = entries.lock();
	entry &place = place_of(*locked, key);

	if (!set && place.key != key)
		return reply("none\n");
	if (get) {
		reply answer("value ");

		answer.append(place.value, "\n");
		return answer;
	}
	place = set ? entry{ ktcp::bounded_text<32>(key), ktcp::bounded_text<128>(line) } : entry{};
	return reply("ok\n");
}

struct handler {
	ktcp::spin_guarded<table> *entries;

	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto line = co_await peer.read_line(256)) {
			const reply answer = obey(*line, *entries);

			if (!co_await peer.write(answer))
				break;
		}
	}
};

/* The entries, which all connections share, and the server, which ends first. */
struct kvd {
	ktcp::spin_guarded<table> entries;
	ktcp::server_module<handler> server{ handler{ &entries } };

	ktcp::result<void> start() noexcept
	{
		return server.start();
	}
};

} // namespace

KTCP_MODULE_OBJECT(kvd)
