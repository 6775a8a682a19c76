// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Any bytes as a chunked body, in any pieces: the same body, end and verdict. */
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <ktcp/http/parse/chunked.hpp>

namespace
{

using ktcp::http::chunked_decoder;

struct reading {
	std::string body;
	chunked_decoder::outcome end = chunked_decoder::outcome::more;
	unsigned int status = 0;
	std::size_t used = 0;

	bool operator==(const reading &) const = default;
};

reading read(const std::uint8_t *data, std::size_t size, std::size_t step)
{
	chunked_decoder decoder(1000, 100);
	reading made;

	while (made.used < size && made.end == chunked_decoder::outcome::more) {
		const std::size_t length = std::min(step, size - made.used);
		/* Where the address sanitizer sees one byte too many. */
		const std::vector<char> copy(data + made.used, data + made.used + length);
		std::string_view input(copy.data(), length);

		while ((made.end = decoder.decode(input)) == chunked_decoder::outcome::piece)
			made.body += decoder.piece();
		made.used += length - input.size();
	}
	made.status = decoder.status();
	return made;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	if (!size)
		return 0;

	const reading whole = read(data + 1, size - 1, size);

	if (whole != read(data + 1, size - 1, 1) || whole != read(data + 1, size - 1, 1 + data[0]))
		std::abort();
	if (whole.body.size() > 1000 || whole.used >= size ||
	    (whole.end == chunked_decoder::outcome::refused) != (whole.status != 0))
		std::abort();
	return 0;
}
