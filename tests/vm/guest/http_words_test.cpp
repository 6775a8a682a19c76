// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Parameters of khttpd's that choose what it says, each with its effect.
#include "http.hpp"

namespace vm
{
namespace
{

class http_words : public server {
    protected:
	http_words() : server(khttpd)
	{
		root.file("page", "a page\n");
	}

	void load_root(const std::string &parameters)
	{
		load(std::string("root=") + web_root::path + " " + parameters);
	}

	static reply get(const std::string &target, const std::string &lines = "")
	{
		return http_client().get(target, lines);
	}

	void TearDown() override
	{
		if (module_loaded("khttpd"))
			unload();
		server::TearDown();
	}

	web_root root;
};

TEST_F(http_words, fields_of_every_response)
{
	load_root("header=\"X-One: 1|X-Two: 2\"");
	const reply all = get("/page");
	EXPECT_EQ(all.field("x-one"), "1");
	EXPECT_EQ(all.field("x-two"), "2");
	EXPECT_EQ(all.field("keep-alive"), "timeout=60");
	EXPECT_EQ(get("/none").field("x-one"), "") << "no response below 400";
	unload();
	load_root("keep_alive_hint=0");
	EXPECT_EQ(get("/page").field("keep-alive"), "");
	EXPECT_EQ(get("/page").field("x-one"), "");
}

TEST_F(http_words, a_type_for_names_with_an_unknown_end)
{
	load_root("");
	EXPECT_EQ(get("/page").field("content-type"), "application/octet-stream");
	unload();
	load_root("default_type=text/x-ours");
	EXPECT_EQ(get("/page").field("content-type"), "text/x-ours");
}

TEST_F(http_words, have_a_length_and_a_form)
{
	// As it is sent: "X: ", the value, and the end of the line.
	const std::string name(64, 's'), value(1024 - 5, 'x'), field = "X:" + value,
							       type = "a/" + std::string(62, 'b');
	allow_log("server:|header:|default_type:");
	for (const std::string &bad :
	     { "server=" + name + "s", "header=" + field + "x", "default_type=" + type + "b",
	       std::string("header=\"Connection: close\""), std::string("default_type=text") }) {
		const int error = load_module(std::string("root=") + web_root::path + " " + bad,
					      object_file.c_str());
		EXPECT_EQ(error, EINVAL) << bad;
		EXPECT_FALSE(module_loaded("khttpd")) << bad;
	}
	load_root("server=" + name + " header=" + field + " default_type=" + type);
	const reply all = get("/page");
	EXPECT_EQ(all.field("server"), name);
	EXPECT_EQ(all.field("x"), value);
	EXPECT_EQ(all.field("content-type"), type);
}

TEST_F(http_words, a_file_where_there_is_none)
{
	load_root("fallback=page");
	EXPECT_EQ(get("/none").status, 200);
	EXPECT_EQ(get("/none").body, "a page\n");
	unload();
	load_root("error_page=page");
	EXPECT_EQ(get("/none").status, 404);
	EXPECT_EQ(get("/none").body, "a page\n");
}

TEST_F(http_words, a_slash_that_is_encoded)
{
	root.file("@a/b", "scoped");
	load_root("");
	EXPECT_EQ(get("/@a%2fb").status, 400);
	unload();
	load_root("encoded_slash=1");
	EXPECT_EQ(get("/@a%2fb").body, "scoped");
}

TEST_F(http_words, the_compressed_one_of_two_files)
{
	const std::string page(1000, 'x');
	root.file("page", page);
	root.file("page.gz", "smaller");
	load_root("");
	EXPECT_EQ(get("/page", "Accept-Encoding: gzip\r\n").field("content-encoding"), "gzip");
	EXPECT_EQ(get("/page").body, page);
	unload();
	load_root("precompressed=0");
	EXPECT_EQ(get("/page", "Accept-Encoding: gzip\r\n").body, page);
}

TEST_F(http_words, answers_that_are_kept_have_a_bound)
{
	load_root("cache_ms=86400000 cache_kb=64");
	for (int i = 0; i < 3; ++i)
		EXPECT_EQ(get("/page").body, "a page\n");
	root.file("page", "another\n");
	EXPECT_EQ(get("/page").body, "a page\n");
	unload();
	root.file("page", std::string(3000, 'x'));
	load_root("cache_ms=86400000 cache_kb=1");
	for (int i = 0; i < 3; ++i)
		EXPECT_EQ(get("/page").body.size(), 3000u);
	root.file("page", "smaller\n");
	EXPECT_EQ(get("/page").body, "smaller\n");
}

} // namespace
} // namespace vm
