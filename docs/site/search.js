// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Added to lunr.js. Chinese has no spaces between its words. So the index has all pieces of each run of Chinese
// characters, of one to six characters. A search for such a piece finds it.
(function (lunr) {
	const others = lunr.tokenizer, longest = 6;
	const chinese = /[\u3400-\u9fff]+/g;

	function tokenizer(text, metadata) {
		const tokens = others(text, metadata);

		if (typeof text !== "string")
			return tokens;
		for (const run of text.match(chinese) || [])
			for (let begin = 0; begin < run.length; begin++)
				for (let end = begin + 1; end <= Math.min(run.length, begin + longest); end++)
					tokens.push(new lunr.Token(run.slice(begin, end), {}));
		return tokens;
	}

	// Lunr's own takes all that is not of an English word.
	function trimmer(token) {
		return token.update((text) => text.replace(/^[^\w\u3400-\u9fff]+|[^\w\u3400-\u9fff]+$/g, ""));
	}

	tokenizer.separator = others.separator;
	lunr.tokenizer = tokenizer;
	lunr.trimmer = trimmer;
	lunr.Pipeline.registerFunction(trimmer, "trimmer");
})(lunr);
