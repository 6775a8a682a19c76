// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A kernel module: its parameters, and the object that lives while it is loaded.
 *
 * @code
 * // hello.module.h
 * KTCP_MODULE("says hello", "you", "1.0")
 * KTCP_PARAM_INT(times, 1, 1, 10, "how often")
 *
 * // hello.cpp
 * #include <ktcp/module.hpp>
 * struct hello {
 *	ktcp::result<void> start();	// insmod: read ktcp::params::times(); on error leave nothing
 *	~hello();			// rmmod, and after a failed start()
 *	ktcp::result<void> parameters_changed();	// where it has live ones: read them again
 * };
 * KTCP_MODULE_OBJECT(hello)
 * @endcode
 *
 * Kernel: module_init(), module_exit(), module_param(). See port/module.h for the list.
 */
#ifndef KTCP_MODULE_HPP
#define KTCP_MODULE_HPP

#include <new>
#include <string_view>

#include <ktcp/base/result.hpp>
#include <ktcp/port/module.h>

/** The module's name, as insmod and the log have it. */
#ifndef KTCP_MODULE_NAME
#error "ktcp's Kbuild fragment defines KTCP_MODULE_NAME and KTCP_MODULE_LIST: include it"
#endif

/** @cond */
/* The list, read once to declare the variables that the generated C file defines … */
extern "C" {
#define KTCP_MODULE(description, author, version)
#define KTCP_PARAM_INT(name_, initial_, least_, most_, text_) \
	extern struct ktcp_param_int ktcp_param_##name_;
#define KTCP_PARAM_STRING(name_, initial_, text_) extern char *ktcp_param_##name_;
#include KTCP_MODULE_LIST
#undef KTCP_PARAM_INT
#undef KTCP_PARAM_STRING
}
/** @endcond */

/** … and once more for the functions that read them: ktcp::params::NAME(). */
namespace ktcp::params
{
/** @cond */
#define KTCP_PARAM_INT(name_, initial_, least_, most_, text_) \
	inline long name_() noexcept                          \
	{                                                     \
		return ktcp_param_get(&ktcp_param_##name_);   \
	}
#define KTCP_PARAM_STRING(name_, initial_, text_) \
	inline std::string_view name_() noexcept  \
	{                                         \
		return ktcp_param_##name_;        \
	}
#include KTCP_MODULE_LIST
#undef KTCP_PARAM_INT
#undef KTCP_PARAM_STRING
#undef KTCP_MODULE
/** @endcond */
}

/**
 * The module is one object of @p Type: made at insmod, then started; destroyed at rmmod,
 * or at once when start() fails. It lives in static storage; there are no global
 * constructors (kernels run them only with CONFIG_CONSTRUCTORS). If it has
 * `ktcp::result<void> parameters_changed()`, that is called after a live parameter was changed; the
 * change is taken back on an error. Process context, one call at a time.
 * Beside ktcp/test/stream.hpp, where handlers are tested alone, there is none.
 */
#ifndef KTCP_TEST_STREAM_HPP
#define KTCP_MODULE_OBJECT(...)                                                       \
	namespace                                                                     \
	{                                                                             \
	using ktcp_module_type = __VA_ARGS__;                                         \
	constinit ktcp::detail::module_storage<ktcp_module_type> ktcp_module_storage; \
	}                                                                             \
	int ktcp_module_start(void)                                                   \
	{                                                                             \
		return ktcp_module_storage.start();                                   \
	}                                                                             \
	int ktcp_module_change(void)                                                  \
	{                                                                             \
		return ktcp_module_storage.change();                                  \
	}                                                                             \
	void ktcp_module_stop(void)                                                   \
	{                                                                             \
		ktcp_module_storage.stop();                                           \
	}
#else
#define KTCP_MODULE_OBJECT(...) static_assert(sizeof(__VA_ARGS__) > 0);
#endif

namespace ktcp::detail
{

/* A server of the module hears of changed parameters by this, while it is there. */
using heeding = result<void> (*)();
inline constinit heeding server_heeds = nullptr;

template <class Object>
concept heeds_changes = requires(Object &object)
{
	object.parameters_changed();
};

template <class Object>
class module_storage {
    public:
	int start() noexcept
	{
		Object *object = new (bytes_) Object;
		const result<void> status = object->start();

		if (!status)
			object->~Object();
		return status.code();
	}

	int change() noexcept
	{
		result<void> status;

		if constexpr (heeds_changes<Object>)
			status = self().parameters_changed();
		if (status && server_heeds)
			status = server_heeds();
		return status.code();
	}

	void stop() noexcept
	{
		self().~Object();
	}

    private:
	Object &self() noexcept
	{
		return *std::launder(reinterpret_cast<Object *>(bytes_));
	}

	alignas(Object) unsigned char bytes_[sizeof(Object)] = {};
};

} // namespace ktcp::detail

#endif
