// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// The clients that people use, against khttpd.
#include "http.hpp"
#include "output.hpp"

#include <atomic>

namespace vm
{
namespace
{

class http_tools : public http_test {
    protected:
	http_tools()
	{
		root.file("small", "twelve bytes");
		root.file("large", large);
		root.file("secret", "secret", 0600);
		root.file("empty", "");
		root.file("sub/page.html", "<p>page");
	}

	const std::string large = content((5 << 20) + 3, 1);
	const std::string at = "http://127.0.0.1:8081";
	web_root root;
};
FOR_EVENT_MODELS(http_tools);

TEST_P(http_tools, curl)
{
	load_root();
	const std::string curl = "cd /tmp && /sbin/curl -sS --max-time 60 ";
	// Large ones to the byte, by both families.
	output_of(curl + "-o got4 " + at + "/large -o got6 http://[::1]:8081/large");
	EXPECT_TRUE(read_file("/tmp/got4") == large);
	EXPECT_TRUE(read_file("/tmp/got6") == large);
	// A transfer that was cut is taken up.
	::truncate("/tmp/got4", 1234567);
	output_of(curl + "-C - -o got4 " + at + "/large");
	EXPECT_TRUE(read_file("/tmp/got4") == large);
	EXPECT_EQ(output_of(curl + "-r 0-5 " + at + "/small"), "twelve");
	EXPECT_EQ(output_of(curl + "-r -5 " + at + "/small"), "bytes");
	EXPECT_NE(output_of(curl + "-r 0-1,3-4 " + at + "/small").find("multipart") ==
			  std::string::npos,
		  false);

	// Only if it has changed.
	const std::string code = "-o body -w '%{http_code} %{num_connects} %{size_download}\\n' ";
	EXPECT_EQ(output_of(curl + "--etag-save tag " + code + at + "/small"), "200 1 12\n");
	EXPECT_EQ(output_of(curl + "--etag-compare tag " + code + at + "/small"), "304 1 0\n");
	EXPECT_EQ(output_of(curl + "-R " + code + at + "/small"), "200 1 12\n");
	EXPECT_EQ(output_of(curl + "-z body " + code + at + "/small"), "304 1 0\n");

	// Statuses, over one connection where it lasts.
	EXPECT_EQ(output_of(curl + code + at + "/nothing " + code + at + "/secret " + code + at +
			    "/empty -I " + code + at + "/large"),
		  "404 1 0\n403 0 0\n200 0 0\n200 0 0\n");
	EXPECT_EQ(output_of(curl + "--path-as-is " + code + at + "/../secret"),
		  "400 1 " + std::to_string(get("/..").body.size()) + "\n");
	EXPECT_EQ(output_of(curl + "-0 " + code + at + "/small"), "200 1 12\n");
	EXPECT_EQ(output_of(curl + "-L " + code + at + "/sub").rfind("200 1 ", 0), 0u);
	const std::string head = output_of(curl + "-I " + at + "/large");
	EXPECT_NE(head.find("Content-Length: " + std::to_string(large.size()) + "\r\n"),
		  std::string::npos)
		<< head;
	unload();

	load_model("max_body=100000000");
	write_file("/tmp/up", large);
	for (const char *how : { "", "-H 'Transfer-Encoding: chunked' ", "-H Expect: ", "-0 " }) {
		output_of(curl + "-T up -X POST " + how + "-o back " + at + "/echo");
		EXPECT_TRUE(read_file("/tmp/back") == large) << how;
	}
}

TEST_P(http_tools, ab)
{
	load_root();
	for (const char *how : { "", "-k " })
		for (const auto &[target, count] :
		     { std::pair("/small", 300), std::pair("/large", 8) }) {
			const std::string said = output_of(std::string("/sbin/ab -q -c 8 ") + how +
							   "-n " + std::to_string(count) + " " +
							   at + target);
			EXPECT_TRUE(expression("Complete requests: +" + std::to_string(count) + "\n")
					    .in(said))
				<< said;
			EXPECT_TRUE(expression("Failed requests: +0\n").in(said)) << said;
			EXPECT_EQ(said.find("Non-2xx"), std::string::npos) << said;
			if (*how) {
				EXPECT_TRUE(
					expression("Keep-Alive requests: +" + std::to_string(count))
						.in(said))
					<< said;
			}
		}
}

TEST_P(http_tools, wrk)
{
	load_root();
	// wrk counts no requests but seconds: it gets more of them until a whole file came.
	const std::string few = debug_kernel() ? "2" : "16";
	for (const char *target : { "/small", "/large", "/" }) {
		std::string said;
		bool answered = false;

		for (int seconds = 1; !answered && seconds <= 64; seconds *= 2) {
			said = output_of("/sbin/wrk -t 1 --timeout 60s -c " + few + " -d " +
					 std::to_string(seconds) + "s " + at + target);
			EXPECT_EQ(said.find("Non-2xx"), std::string::npos) << said;
			EXPECT_EQ(said.find("Socket errors"), std::string::npos) << said;
			answered = expression("\n +[1-9][0-9]* requests in").in(said);
		}
		EXPECT_TRUE(answered) << said;
	}
}

TEST_P(http_tools, h2load)
{
	load_root();
	for (const char *pipelined : { "1", "8" }) {
		const std::string said = output_of(std::string("/sbin/h2load --h1 -n 320 -c 8 -m ") +
						   pipelined + " " + at + "/small " + at + "/sub/");
		EXPECT_NE(said.find("320 succeeded, 0 failed, 0 errored, 0 timeout"),
			  std::string::npos)
			<< said;
		EXPECT_NE(said.find("320 2xx, 0 3xx, 0 4xx, 0 5xx"), std::string::npos) << said;
	}
}

TEST_P(http_tools, slowhttptest)
{
	struct attack {
		const char *what, *arguments;
	};
	// Heads, bodies, and reading, a few bytes now and then; it gives up by itself only after a
	// time that the server must not need.
	for (const attack &each : {
		     attack{ "heads", "-H -i 1" },
		     attack{ "bodies", "-B -i 1 -s 8192" },
		     attack{ "reading", "-X -n 1 -w 500 -y 1000 -z 100 -k 3" },
	     }) {
		if (std::string(each.what) == "bodies")
			load_model("head_timeout_ms=1500 body_timeout_ms=1500 min_rate=0");
		else
			load_root("head_timeout_ms=1500 send_timeout_ms=1500 min_rate=0");
		const std::string target = std::string(each.what) == "bodies" ? "/echo" : "/large";
		std::atomic<bool> over = false;
		std::atomic<int> served = 0;
		std::thread others([&] {
			while (!over) {
				const reply got = get(target == "/echo" ? "/" : "/small");
				EXPECT_EQ(got.status, 200) << each.what << got.trouble;
				served += got.status == 200;
				std::this_thread::sleep_for(20ms);
			}
		});
		const std::string said =
			output_of("TERM=dumb /sbin/slowhttptest " + std::string(each.arguments) +
				  " -c 40 -r 40 -l 120 -p 60 -v 1 -u " + at + target);
		over = true;
		others.join();
		// It is over because the server has closed them all, not because its time is.
		EXPECT_NE(said.find("No open connections left"), std::string::npos)
			<< each.what << "\n"
			<< said;
		EXPECT_GT(served, 10);
		unload();
	}
}

TEST_P(http_tools, h11_finds_nothing_wrong)
{
	const std::string python = "PYTHONHOME=/usr /sbin/python3 -B -s -E /h11_client.py 8081 ";
	// A request that is refused for its length still fits into the bytes that a closing server
	// reads: the client hears why.
	load_model("max_body=100000");
	EXPECT_TRUE(expression("h11: [1-9][0-9]* checks passed, 0 failed\n$")
			    .in(output_of(python + "pages")));
	unload();
	load_root();
	EXPECT_TRUE(expression("h11: [1-9][0-9]* checks passed, 0 failed\n$")
			    .in(output_of(python + "files")));
}

TEST_P(http_tools, public_suites)
{
	const std::string python = "PYTHONHOME=/usr /sbin/python3 -B -s -E /suites_client.py 8081 ";
	const std::string passed = "suites: [1-9][0-9]* cases passed, 0 failed\n$";

	load_model();
	EXPECT_TRUE(expression(passed).in(output_of(python + "pages " + web_root::path)));
	unload();
	load_root();
	EXPECT_TRUE(expression(passed).in(output_of(python + "files " + web_root::path)));
}

} // namespace
} // namespace vm
