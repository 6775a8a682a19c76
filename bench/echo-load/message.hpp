// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The bytes to send, and the bytes to come back: the same from an echo server, an answer from an
 * HTTP server.
 */
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace load
{

struct message {
	const unsigned char *request = nullptr;
	const unsigned char *reply = nullptr;
	uint32_t request_size = 0;
	uint32_t reply_size = 0;
	/* Of the reply, what changes from one to the next (HTTP's date): not compared. */
	uint32_t hole_begin = 0;
	uint32_t hole_end = 0;
	bool echo = false; /* nothing comes back before it was sent */

	/* How many bytes may have come back when so many are sent. */
	uint32_t due(uint32_t sent) const
	{
		return echo ? sent : sent == request_size ? reply_size : 0;
	}

	/* Whether these are the reply's bytes from there on; there are that many. */
	bool has(uint32_t at, const unsigned char *data, uint32_t size) const
	{
		const uint32_t end = at + size;

		if (end <= hole_begin || at >= hole_end)
			return !memcmp(data, reply + at, size);
		if (at < hole_begin && memcmp(data, reply + at, hole_begin - at))
			return false;
		return end <= hole_end ||
		       !memcmp(data + (hole_end - at), reply + hole_end, end - hole_end);
	}
};

} // namespace load
