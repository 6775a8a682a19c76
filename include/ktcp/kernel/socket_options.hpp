// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The options of a listener that an administrator chooses, and its address.
 *
 * @code
 * const socket_options options = { .keepalive_idle_s = 60, .congestion = "bbr" };
 * KTCP_TRY(options.apply(listener));	// before bind(); its connections inherit them
 * @endcode
 *
 * Kernel: setsockopt(2), tcp(7), ip(7).
 */
#ifndef KTCP_KERNEL_SOCKET_OPTIONS_HPP
#define KTCP_KERNEL_SOCKET_OPTIONS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/defaults.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/kernel/device.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/kernel/socket.hpp>
#include <ktcp/net/endpoint_parse.hpp>

namespace ktcp
{

/** With 0 and "" each is as the system has it. */
struct socket_options {
	std::uint32_t keepalive_idle_s =
		defaults::keepalive_idle_s; /**< silence before the first probe */
	std::uint32_t keepalive_interval_s =
		defaults::keepalive_interval_s; /**< between two probes */
	std::uint32_t keepalive_probes =
		defaults::keepalive_probes; /**< so many without an answer end the connection */
	std::uint32_t mark = defaults::mark; /**< SO_MARK: of packets, for routing and filters */
	std::uint32_t tos = defaults::tos; /**< type of service, traffic class */
	std::uint32_t rcvbuf = defaults::rcvbuf; /**< bytes that TCP may hold for the server */
	std::uint32_t sndbuf = defaults::sndbuf; /**< bytes that TCP may hold for the peer */
	std::uint32_t fastopen =
		defaults::fastopen; /**< connections that may wait with data in their SYN */
	const char *congestion = defaults::congestion; /**< congestion control */
	const char *device =
		defaults::device; /**< a device or VRF; connections come through it alone */

	/** Is none chosen? */
	bool is_default() const noexcept
	{
		return for_each_chosen([](ktcp_sock_option, const choice &) {
			       return result<void>(errc::eexist);
		       })
			.has_value();
	}

	/**
	 * Set those that are chosen. Process context, with the rights of the calling process.
	 * Errors: the kernel's, with a line in the log that names the parameter.
	 */
	result<void> apply(socket &to) const noexcept
	{
		return set(to, [](const choice &why) {
			if (why.text && is_too_long(why.text))
				KTCP_LOG_ERR_RATELIMITED("%s=%s: a name has at most %zu characters",
							 why.name, why.text, longest_name);
			else if (why.text)
				KTCP_LOG_ERR_RATELIMITED(
					"%s=%s: the kernel refuses it (error %d); %s", why.name,
					why.text, why.status, why.help);
			else
				KTCP_LOG_ERR_RATELIMITED("%s=%u: the kernel refuses it (error %d)",
							 why.name, why.value, why.status);
		});
	}

	/** The same without a word. */
	result<void> set(socket &to) const noexcept
	{
		return set(to, [](const choice &) {});
	}

    private:
	/* The kernel cuts longer ones (TCP_CA_NAME_MAX, IFNAMSIZ). The rest may be the name of another. */
	static constexpr std::size_t longest_name = 15;

	static bool is_too_long(const char *text) noexcept
	{
		return std::string_view(text).size() > longest_name;
	}

	struct choice {
		const char *name;
		std::uint32_t value;
		const char *text, *help; /* nullptr: it is a number */
		int status; /* a refusal's */
	};

	/* Until one fails. */
	template <class Use>
	result<void> for_each_chosen(Use use) const noexcept
	{
		const struct {
			ktcp_sock_option option;
			const char *name;
			std::uint32_t value;
		} numbers[] = {
			{ KTCP_SOCK_KEEPALIVE_IDLE, "keepalive_idle_s", keepalive_idle_s },
			{ KTCP_SOCK_KEEPALIVE_INTERVAL, "keepalive_interval_s",
			  keepalive_interval_s },
			{ KTCP_SOCK_KEEPALIVE_PROBES, "keepalive_probes", keepalive_probes },
			{ KTCP_SOCK_MARK, "mark", mark },
			{ KTCP_SOCK_TOS, "tos", tos },
			{ KTCP_SOCK_RCVBUF, "rcvbuf", rcvbuf },
			{ KTCP_SOCK_SNDBUF, "sndbuf", sndbuf },
			{ KTCP_SOCK_FASTOPEN, "fastopen", fastopen },
		};
		const struct {
			ktcp_sock_option option;
			const char *name, *value, *help;
		} texts[] = {
			{ KTCP_SOCK_CONGESTION, "congestion", congestion,
			  "net.ipv4.tcp_available_congestion_control lists those that are loaded" },
			{ KTCP_SOCK_DEVICE, "device", device, "ip link lists the devices" },
		};

		for (const auto &each : numbers)
			if (each.value)
				KTCP_TRY(use(each.option,
					     choice{ each.name, each.value, nullptr, nullptr, 0 }));
		for (const auto &each : texts)
			if (*each.value)
				KTCP_TRY(use(each.option,
					     choice{ each.name, 0, each.value, each.help, 0 }));
		return {};
	}

	static result<void> set(socket &to, ktcp_sock_option option, const choice &what) noexcept
	{
		if (!what.text)
			return to.set_option(option, static_cast<int>(what.value));
		if (is_too_long(what.text))
			return errc::einval;
		return to.set_option(option, what.text);
	}

	template <class Say>
	result<void> set(socket &to, Say say) const noexcept
	{
		return for_each_chosen([&](ktcp_sock_option option, choice what) {
			const auto done = set(to, option, what);

			if (!done) {
				what.status = done.code();
				say(what);
			}
			return done;
		});
	}
};

/**
 * The address that a text names, of IPv4 or IPv6. A zone behind % of a link-local one is a device of @p net, by
 * name or number. Empty: any, of both.
 * @param say  an error has a line in the log.
 * Errors: EINVAL; ENODEV, the zone's device is not there.
 */
inline result<endpoint> listen_address(std::string_view text, struct net *net, bool say) noexcept
{
	const std::size_t percent = text.find('%');
	const auto address = parse_address(slice(text, 0, percent));
	const auto refuse = [&](errc why, const char *reason) {
		if (say)
			KTCP_LOG_ERR_RATELIMITED("address=%.*s: %s", static_cast<int>(text.size()),
						 text.data(), reason);
		return why;
	};

	if (text.empty())
		return endpoint::any(0);
	if (!address)
		return refuse(errc::einval, address.error);

	ktcp_endpoint raw = address.value.raw();

	if (percent < text.size()) {
		/* bind() looks at it for these alone (inet6_bind()). */
		if (!address.value.is_link_local())
			return refuse(
				errc::einval,
				"only a link-local address (fe80::) has a zone; device= names the device for others");
		raw.scope_id = find_device(slice(text, percent + 1), net);
		if (!raw.scope_id)
			return refuse(errc::enodev,
				      "there is no device of that name; ip link lists them");
	}
	return endpoint(raw);
}

} // namespace ktcp

#endif
