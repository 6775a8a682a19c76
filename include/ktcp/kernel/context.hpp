// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Where code may sleep, as a type. A mutex, a completion and a file ask for a ktcp::process_context.
 *
 * @code
 * struct handler {
 *	static constexpr bool may_sleep = true;		// all of its turns are in process context
 *	ktcp::guarded<table> *entries;
 *
 *	ktcp::task operator()(ktcp::connection &peer) const
 *	{
 *		const ktcp::process_context here(*this);
 *		...
 *		entries->lock(here)->clear();
 * @endcode
 *
 * A handler that sleeps now and then has one from `co_await peer.may_sleep()`. Any other handler runs in softirq,
 * and can get none. So it does not compile if it takes a mutex. A function that sleeps takes one as a parameter.
 *
 * Calls that make and end an object of the kernel's want process context, too, and ask for none: create(), open(),
 * start(), stop(), join(), cancel_sync(). So do all of proc.hpp and tcp_lookup.hpp. They belong into a module's start()
 * and end. There each would be given promised(), which proves nothing. Often a destructor ends the object, and it
 * takes no parameter. So the type would guard the beginning alone. A ktcp::socket of one's own belongs there,
 * too: a handler has streams. An allocation says by its ktcp::gfp whether it may sleep.
 *
 * Cost: none, for there is nothing in it.
 */
#ifndef KTCP_KERNEL_CONTEXT_HPP
#define KTCP_KERNEL_CONTEXT_HPP

namespace ktcp
{

namespace detail
{

/* Does an object say that it may sleep? No turn of a handler that does is taken in softirq. */
template <class Handler>
constexpr bool may_sleep = requires
{
	requires Handler::may_sleep;
};

} // namespace detail

/** The right to sleep: its holder is in process context, and holds no lock that spins. */
class process_context {
    public:
	/** Of a handler that says `static constexpr bool may_sleep = true;`. */
	template <class Handler>
	constexpr explicit process_context(const Handler &) noexcept
	{
		static_assert(
			detail::may_sleep<Handler>,
			"this handler runs in softirq, where nothing may sleep: say `static "
			"constexpr bool may_sleep = true;` in it, or ask co_await peer.may_sleep()");
	}

	/**
	 * The caller's own word, where no handler runs: in a module's start(), in a file of /proc, in a work
	 * item, in a thread.
	 */
	static constexpr process_context promised() noexcept
	{
		return process_context();
	}

    private:
	constexpr process_context() noexcept = default;
};

} // namespace ktcp

#endif
