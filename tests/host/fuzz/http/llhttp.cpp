// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* llhttp's understanding of a request: Node's parser. */
#include <llhttp.h>

#include "message.hpp"

namespace
{

struct reader : llhttp_t {
	message made;
	std::string name, value;

	static reader &of(llhttp_t *parser)
	{
		return *static_cast<reader *>(parser);
	}
};

template <std::string message::*Part>
int append(llhttp_t *parser, const char *at, std::size_t size)
{
	(reader::of(parser).made.*Part).append(at, size);
	return 0;
}

int method_is_over(llhttp_t *parser)
{
	reader::of(parser).made.method =
		llhttp_method_name(static_cast<llhttp_method_t>(parser->method));
	return 0;
}

int field_name(llhttp_t *parser, const char *at, std::size_t size)
{
	reader::of(parser).name.append(at, size);
	return 0;
}

int field_value(llhttp_t *parser, const char *at, std::size_t size)
{
	reader::of(parser).value.append(at, size);
	return 0;
}

int field_is_over(llhttp_t *parser)
{
	reader &self = reader::of(parser);

	/* It leaves the white space behind a value to its user. */
	self.value.erase(self.value.find_last_not_of(" \t") + 1);
	if (!self.made.head)
		self.made.fields.emplace_back(self.name, self.value);
	self.name.clear();
	self.value.clear();
	return 0;
}

int head_is_over(llhttp_t *parser)
{
	reader::of(parser).made.head = true;
	return 0;
}

int all_is_over(llhttp_t *parser)
{
	reader::of(parser).made.complete = true;
	return HPE_PAUSED;
}

const llhttp_settings_t settings = [] {
	llhttp_settings_t made;

	llhttp_settings_init(&made);
	made.on_method_complete = method_is_over;
	made.on_url = append<&message::target>;
	made.on_header_field = field_name;
	made.on_header_value = field_value;
	made.on_header_value_complete = field_is_over;
	made.on_headers_complete = head_is_over;
	made.on_body = append<&message::body>;
	made.on_message_complete = all_is_over;
	return made;
}();

} // namespace

message read_by_llhttp(std::string_view text)
{
	reader parser;

	llhttp_init(&parser, HTTP_REQUEST, &settings);

	const llhttp_errno_t failed = llhttp_execute(&parser, text.data(), text.size());
	message &made = parser.made;

	if (made.complete) {
		made.used = static_cast<std::size_t>(llhttp_get_error_pos(&parser) - text.data());
	} else if (failed != HPE_OK) {
		made.refused = true;
		made.why = llhttp_get_error_reason(&parser);
	}
	return std::move(made);
}
