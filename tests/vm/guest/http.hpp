// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// khttpd under test: a client that speaks HTTP and believes nothing, and files to be served.
#pragma once

#include "fixture.hpp"

#include <fstream>
#include <map>
#include <optional>
#include <sys/mount.h>
#include <sys/stat.h>

namespace vm
{

inline constexpr server_under_test khttpd{ "khttpd", 8081 };

// Its counters, by name.
inline std::map<std::string, unsigned long> khttpd_statistics()
{
	std::ifstream in("/proc/net/khttpd/statistics");
	std::map<std::string, unsigned long> all;
	std::string name;
	unsigned long value;
	while (in >> name >> value)
		all[name] = value;
	return all;
}

// A response as it came.
struct reply {
	int status = 0; // 0: none came, or what came was none
	std::map<std::string, std::string> fields; // names in lower case
	std::string body;
	bool whole = false; // it came to the end that it promised
	std::string trouble; // what is wrong with it

	std::string field(const std::string &name) const
	{
		const auto found = fields.find(name);
		return found == fields.end() ? "" : found->second;
	}
};

// A connection to khttpd.
class http_client {
    public:
	explicit http_client(options with = {}, unsigned port = khttpd.port)
		: peer_((with.port = port, with))
	{
	}

	vm::client &peer()
	{
		return peer_;
	}

	bool send(const std::string &text)
	{
		return peer_.send(text);
	}

	// The request for a target: method, target, further lines each with its end.
	static std::string request(const std::string &target, const std::string &method = "GET",
				   const std::string &lines = "");

	reply get(const std::string &target, const std::string &lines = "");

	reply post(const std::string &target, const std::string &body,
		   const std::string &lines = "");

	// The next response, to the end that it promises.
	// @param head  to HEAD: it has no body.
	reply read(bool head = false);

	// Nothing more comes: true once the server has ended the connection, by FIN or RST.
	bool ended();

	// Something has come, and is not read.
	bool answered();

    private:
	bool fill();

	// Up to and with the text; empty if the stream ends before.
	std::string until(const std::string &text);

	bool take(std::size_t size, std::string &into);

	bool take_chunks(std::string &into);

	vm::client peer_;
	std::string pending_;
};

// So many bytes of every value, the same for the same seed; quicker than pattern(), and nowhere the
// same as a page before.
std::string content(std::size_t size, unsigned seed);

// A file system of the test's own, whose files khttpd serves; unmounted at the end.
class web_root {
    public:
	explicit web_root(const std::string &type = "tmpfs");
	~web_root()
	{
		if (mounted_)
			unmount();
	}
	web_root(const web_root &) = delete;
	web_root &operator=(const web_root &) = delete;

	// At once: a holder of one of its files fails the test.
	void unmount();

	static std::string file(const std::string &name, const std::string &content,
				mode_t mode = 0644);

	static constexpr const char *path = "/tmp/www";
	static constexpr const char *disk = "/tmp/www.ext4";

    private:
	std::string type_;
	bool mounted_ = true;
};

// The tests of khttpd in one execution model.
class http_test : public server, public testing::WithParamInterface<const char *> {
    protected:
	http_test() : server(khttpd)
	{
	}

	void load_model(const std::string &parameters = "")
	{
		load(std::string("model=") + GetParam() + " " + parameters);
	}

	void load_root(const std::string &parameters = "")
	{
		load_model(std::string("root=") + web_root::path + " " + parameters);
	}

	// One request on a connection of its own.
	static reply get(const std::string &target, const std::string &lines = "")
	{
		return http_client().get(target, lines);
	}
};

#define FOR_EVERY_HTTP_MODEL(fixture) \
	INSTANTIATE_TEST_SUITE_P(models, fixture, models(), model_name)

// Where a model makes no other difference than who sleeps: the two that do not.
#define FOR_EVENT_MODELS(fixture) \
	INSTANTIATE_TEST_SUITE_P(models, fixture, testing::Values("event", "softirq"), model_name)

} // namespace vm
