// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * An object in every network namespace, which lives as long as the namespace.
 *
 * @code
 * struct greeter {
 *	explicit greeter(struct net *net);
 *	ktcp::result<void> start();	// on error leave nothing
 *	void pre_exit();		// let nothing new find this
 *	~greeter();			// leave nothing; also after a failed start()
 * };
 * ktcp::pernet<greeter> greeters;	// in the module's object
 * KTCP_TRY(greeters.start());		// one in each namespace there is and will be
 * @endcode
 *
 * Kernel: include/net/net_namespace.h, struct pernet_operations.
 */
#ifndef KTCP_KERNEL_PERNET_HPP
#define KTCP_KERNEL_PERNET_HPP

#include <new>

#include <ktcp/base/result.hpp>
#include <ktcp/port/net.h>

namespace ktcp
{

/**
 * Of these, a module has one at a time. All that is called of an Object is called in process
 * context. Namespaces begin and end side by side (copy_net_ns()), so what Objects share has a lock.
 */
template <class Object>
class pernet : private ktcp_pernet {
	static_assert(alignof(Object) <= alignof(void *), "the namespace aligns no better");

    public:
	pernet() noexcept : ktcp_pernet{ sizeof(Object), init, pre_exit, exit }
	{
	}

	pernet(const pernet &) = delete;
	pernet &operator=(const pernet &) = delete;

	~pernet()
	{
		stop();
	}

	/**
	 * Make an Object in every namespace. When one cannot start, none is left; one that cannot
	 * start later keeps its namespace from being made.
	 * Errors: Object::start()'s, ENOMEM, EBUSY (there is another pernet). Process context.
	 */
	result<void> start() noexcept
	{
		const auto status = result<void>::from(ktcp_register_pernet(this));

		registered_ = registered_ || status.has_value();
		return status;
	}

	/**
	 * pre_exit() for all of them, an RCU grace period once for all, and then they are destroyed.
	 * Waits for namespaces that are just ending. Process context.
	 */
	void stop() noexcept
	{
		if (registered_)
			ktcp_unregister_pernet(this);
		registered_ = false;
	}

    private:
	static int init(struct ktcp_pernet *, struct net *net, void *memory)
	{
		Object *object = new (memory) Object(net);
		const result<void> status = object->start();

		if (!status)
			object->~Object();
		return status.code();
	}

	static void pre_exit(struct ktcp_pernet *, struct net *, void *object)
	{
		static_cast<Object *>(object)->pre_exit();
	}

	static void exit(struct ktcp_pernet *, struct net *, void *object)
	{
		static_cast<Object *>(object)->~Object();
	}

	bool registered_ = false;
};

} // namespace ktcp

#endif
