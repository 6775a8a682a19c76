// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A route whose pattern has braces around a part of a name: the compiler refuses it. */
#include <ktcp/http/routes.hpp>

struct api {
	using route = ktcp::http::route<api>;

	ktcp::task_of<void> operator()(ktcp::http::request &asked, ktcp::http::response &to) const
	{
		static constexpr route table[] = {
#ifdef GOOD
			{ ktcp::http::method::get, "/{a}/{b}", &api::show },
#else
			{ ktcp::http::method::get, "/{a}/{b}x", &api::show },
#endif
		};

		return ktcp::http::dispatch(table, *this, asked, to);
	}

	ktcp::task_of<void> show(route::call of) const
	{
		of.to.status(200).reply({});
		return {};
	}
};
