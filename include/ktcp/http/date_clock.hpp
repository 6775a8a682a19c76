// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The fields that every response has, formatted once a second and not once a response.
 */
#ifndef KTCP_HTTP_DATE_CLOCK_HPP
#define KTCP_HTTP_DATE_CLOCK_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/date.hpp>
#include <ktcp/port/time.h>

namespace ktcp::http
{

/**
 * The fields Date and Server as they are sent, for one server's responses. Shared by all of its
 * connections. Never waits: any context.
 */
class date_clock {
    public:
	/** The most that now() writes. */
	static constexpr std::size_t most = 128;

	/** Characters of the field Server. */
	static constexpr std::size_t server_most = 64;

	/** @param server  the field Server, cut to server_most; empty: none. */
	explicit date_clock(std::string_view server) noexcept
	{
		if (server.empty())
			return;
		add("Server: ");
		add(slice(server, 0, server_most));
		add("\r\n");
	}

	/** A copy has a memory of its own. */
	date_clock(const date_clock &other) noexcept : size_(other.size_)
	{
		std::memcpy(server_, other.server_, size_);
	}

	date_clock &operator=(const date_clock &) = delete;

	/** Write the fields of this second; at most() bytes of room must be there. Their size. */
	std::size_t now(char *out) noexcept
	{
		const std::uint64_t second = ktcp_real_seconds();
		const std::uint32_t version = version_.load(memory_order_acquire);

		if (!(version & 1) && second_.load(memory_order_acquire) == second) {
			/* Each acquire orders the version's second look behind it: if a word was
			 * written meanwhile, so was the version, before it. */
			for (std::size_t i = 0; i * sizeof(std::uint64_t) < date_size; i++) {
				const std::uint64_t word = words_[i].load(memory_order_acquire);

				__builtin_memcpy(out + i * sizeof(word), &word, sizeof(word));
			}
			if (version_.load(memory_order_relaxed) == version)
				return date_size + server_after(out);
		}

		__builtin_memcpy(out, "Date: ", 6);
		format_date(std::span<char, date_length>(out + 6, date_length), second);
		__builtin_memcpy(out + 6 + date_length, "\r\n", 2);
		remember(version, second, out);
		return date_size + server_after(out);
	}

    private:
	static constexpr std::size_t date_size = 6 + date_length + 2;
	static constexpr std::size_t word_count = (date_size + 7) / 8;

	void add(std::string_view text) noexcept
	{
		std::memcpy(server_ + size_, text.data(), text.size());
		size_ += text.size();
	}

	std::size_t server_after(char *out) const noexcept
	{
		std::memcpy(out + date_size, server_, size_);
		return size_;
	}

	void remember(std::uint32_t version, std::uint64_t second, const char *text) noexcept
	{
		/* One at a time; the others have formatted it for themselves, and that is all. */
		if (version & 1 ||
		    !version_.compare_exchange(version, version + 1, memory_order_acq_rel))
			return;

		std::uint64_t words[word_count] = {};

		std::memcpy(words, text, date_size);
		/* Release, each: a reader of a new word sees the odd version, too. */
		second_.store(second, memory_order_release);
		for (std::size_t i = 0; i < word_count; i++)
			words_[i].store(words[i], memory_order_release);
		version_.store(version + 2, memory_order_release);
	}

	atomic<std::uint32_t> version_ = 0; /* odd while the rest is written */
	atomic<std::uint64_t> second_ = 0;
	atomic<std::uint64_t> words_[word_count] = { 0, 0, 0, 0, 0 };
	char server_[most - date_size];
	std::size_t size_ = 0; /* of server_ */
};

} // namespace ktcp::http

#endif
