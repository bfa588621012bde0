// SPDX-License-Identifier: Apache-2.0
// PHP as bytes: is it there, does it do anything, has it the shape of a web shell. Nothing is parsed as a program.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bailiff::agent {

/// From the first `<?php`, or `<?=` in a text, on; nothing when there is none. The short mark counts in texts only: its three
/// bytes stand in every fifth hundred pictures by chance.
std::optional<std::string_view> php_in(std::string_view content);

/// Whether it is only there to show nothing of its folder: comments, headers, exit.
bool only_guards(std::string_view php);

/// Whether it reads what visitors send, or runs texts: what programs among data do.
bool obeys_visitors(std::string_view php);

/// The shape of a web shell that stands in it, as `eval(base64_decode(`; nothing when there is none. Blanks, comments between
/// words and the case of letters do not hide it; what stands in quotes, as in a scanner's own list, does not count.
std::optional<std::string> web_shell_shape(std::string_view php);

}  // namespace bailiff::agent
