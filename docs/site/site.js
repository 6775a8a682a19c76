// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// A page's language, which letters and line breaks depend on.
if (/zh-TW/.test(location.pathname))
	document.documentElement.lang = "zh-TW";
